"""JSON, text keys and timestamps as they cross the borders of the program."""

import json
import time
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

MAX_DEPTH = 32
MAX_STRING = 10_000
ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
LONG_NUMBER = b"0" * 19  # in a body whose digits are all made zeros


def loads(body: bytes) -> Any:
    """Parse a JSON body strictly; ValueError says what is wrong, in words for the sender.

    Refused are NaN and Infinity, lone surrogates, anything but UTF-8 (RFC 8259 §8.1),
    NUL characters, strings over MAX_STRING characters and nesting over MAX_DEPTH.
    """
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"The body is not valid JSON: {error}.") from None
    if len(body) > MAX_STRING or b"\\u0000" in body or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        check(value, MAX_DEPTH)  # only a body that could pass a limit is walked
    if LONG_NUMBER in body.translate(ZEROS):
        json.loads(body, parse_int=whole_number)  # orjson would round it
    return value


def whole_number(digits: str) -> int:
    """The number, or ValueError where it could not be kept to the letter."""
    if not -(2**63) <= int(digits[:25]) < 2**64:
        raise ValueError(f"The number {digits[:40]} is too large to be kept exactly; send it as a text.")
    return int(digits)


def check(value: Any, depth: int) -> None:
    """Walk parsed JSON and raise ValueError where a limit of this module is passed."""
    if isinstance(value, str):
        check_string(value)
    elif isinstance(value, dict):
        guard_depth(depth)
        for key, item in value.items():
            check_string(key)
            check(item, depth - 1)
    elif isinstance(value, list):
        guard_depth(depth)
        for item in value:
            check(item, depth - 1)


def guard_depth(left: int) -> None:
    """Raise ValueError when no level of nesting is left."""
    if left <= 0:
        raise ValueError(f"The body is nested deeper than {MAX_DEPTH} levels.")


def check_string(text: str) -> None:
    """Raise ValueError for a string that is too long to keep or holds a NUL."""
    if len(text) > MAX_STRING:
        raise ValueError(f"A text of {len(text):,} characters is over the limit of {MAX_STRING:,}.")
    if "\0" in text:
        raise ValueError("A text contains a NUL character (\\u0000), which cannot be stored.")


def dumps(value: Any) -> str:
    """Write JSON compactly, as text."""
    return orjson.dumps(value).decode()


def fold(text: str) -> str:
    """The key under which two texts are the same to a reader: NFKC, case-folded, NFKC."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def now() -> str:
    """This moment as kept and shown everywhere: UTC, milliseconds, `2026-11-23T08:15:00.123Z`."""
    seconds, fraction = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{second(seconds)}.{fraction:03}Z"


@lru_cache(4)
def second(number: int) -> str:
    """A second since 1970, `2026-11-23T08:15:00`; the same for many requests."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(number))


def stamp(moment: datetime) -> str:
    """A moment in the form of `now`; such texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def moment(text: str) -> datetime:
    """Read an xsd:dateTime (RFC 7643 §2.3.5); without an offset it is taken as UTC. ValueError otherwise."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
