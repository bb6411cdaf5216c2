"""What one check says."""

from typing import NamedTuple


class Result(NamedTuple):
    """ok, warn or fail; what was found; what to do about it."""

    level: str
    found: str
    advice: str = ""
