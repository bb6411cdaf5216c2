"""JSON written compactly."""

from typing import Any

import orjson


def dumps(value: Any) -> str:
    """Compact JSON, as text."""
    return orjson.dumps(value).decode()
