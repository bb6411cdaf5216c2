"""Passwords: accepted wherever a client sends one, and kept nowhere."""

import re
from typing import Any

# It always ends, with a quote or with the text, so that no place is read twice.
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)', re.DOTALL)
PASSWORD = re.compile(r"(?<![\w$-])password(?![\w$-])", re.IGNORECASE | re.ASCII)


def named(path: str) -> bool:
    """Whether a key or path names a password: alone, in an extension, as a part, or in a filter."""
    return "password" in path.lower() and PASSWORD.search(QUOTED.sub("", path)) is not None


def without(value: Any, body: bytes) -> Any:
    """The value of a body without the members that are passwords, at any depth."""
    if b"password" in body.lower() or b"\\u" in body:  # a letter may be escaped
        return stripped(value)
    return value


def stripped(value: Any) -> Any:
    """The value without such members."""
    if isinstance(value, list):
        return [stripped(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: stripped(item) for key, item in value.items() if not named(key)}


def masked(value: Any, whole: bool = False) -> Any:
    """The body with every password in it replaced, also one that a PATCH path names.

    Of a text that stands for a `whole` body only the length stays: a password could be anywhere in it.
    """
    if isinstance(value, list):
        return [masked(each) for each in value]
    if isinstance(value, str) and whole:
        return f"(text, {len(value):,} characters)"
    if not isinstance(value, dict):
        return value
    in_path = any(key.lower() == "path" and "password" in str(item).lower() for key, item in value.items())
    return {
        key: "…"
        if "password" in key.lower() or (in_path and key.lower() == "value")
        else masked(item, key.lower() == "data")
        for key, item in value.items()
    }
