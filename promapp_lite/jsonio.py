"""JSON read strictly and written compactly."""

import json
from typing import Any

import orjson

MAX_DEPTH = 32
MAX_STRING = 10_000
ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
LONG_NUMBER = b"0" * 19  # in a body whose digits are all made zeros


def loads(body: bytes) -> Any:
    """Parse a JSON body strictly; ValueError says what is wrong, in words for the sender.

    UserError are NaN and Infinity, lone surrogates, anything but UTF-8 (RFC 8259 §8.1),
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
