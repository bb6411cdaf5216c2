"""JSON: case-insensitive keys, comparison of values, compact output."""

from typing import Any

import orjson

Document = dict[str, Any]


def dumps(value: Any) -> str:
    """Compact JSON, as text."""
    return orjson.dumps(value).decode()


def key_in(holder: Document, name: str) -> str:
    """The key under which the holder has `name`, whatever its case; `name` itself where it has none."""
    if name in holder:
        return name
    lower = name.lower()
    return next((key for key in holder if key.lower() == lower), name)


def key_of(value: Any) -> bytes:
    """What two equal values have in common, to find one among many at once."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
