"""`python -m promapp_lite` is the command line."""

from promapp_lite.cli import main

if __name__ == "__main__":
    main(prog_name="promapp-lite")
