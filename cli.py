"""The executable's entry."""

from promapp_lite.commands import main

if __name__ == "__main__":
    main()
