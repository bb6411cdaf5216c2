"""The executable's entry."""

from promapp_lite.commands import main
from promapp_lite.host.frozen import restore_environment

if __name__ == "__main__":
    restore_environment()
    main()
