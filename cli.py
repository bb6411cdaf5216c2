"""The executable's entry."""

from promapp_lite.cli import main
from promapp_lite.system.frozen import restore_environment

if __name__ == "__main__":
    restore_environment()
    main()
