"""Standard input, output and error, which a service may be started without."""

import os
import sys

NAMES = ("stdin", "stdout", "stderr")


def ensure() -> None:
    """Open what is closed on the null device.

    Otherwise the next file that is opened, the database for one, gets its number, and what is printed.
    """
    for number, name in enumerate(NAMES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+" if number == 0 else "w", encoding="utf-8"))
