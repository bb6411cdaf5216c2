"""`python -m promapp_lite` is the command line."""

from promapp_lite.cli import main

main()
