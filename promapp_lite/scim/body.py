"""The JSON body of a request, read strictly and within the limits of this service."""

import json
from typing import Any

import orjson

from promapp_lite.jsonio import Document
from promapp_lite.scim import limits
from promapp_lite.scim.refusals import refuse
from promapp_lite.text import MARKS, crowded

ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
WALKED = min(limits.STRING, 6 * limits.KEYS)  # bytes: a smaller body has no string or object too large
LONG_NUMBER = b"0" * 19  # in a body whose digits are all made zeros


def read_json(body: bytes) -> Any:
    """The value of a body; ScimError 400 invalidSyntax says what is wrong with it.

    Refused are NaN and Infinity, lone surrogates, anything but UTF-8 (RFC 8259 §8.1),
    NUL characters, strings and nesting over their limits.
    """
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise refuse("not_json", problem=str(error)) from None
    if (
        len(body) > WALKED
        or b"\\u0000" in body
        or (b"\\u" in body and (not body.isascii() or body.count(b"\\u") > MARKS))
        or body.count(b"{") + body.count(b"[") > limits.JSON_DEPTH
    ):
        check(value, limits.JSON_DEPTH)  # only a body that could pass a limit is walked
    if LONG_NUMBER in body.translate(ZEROS):
        json.loads(body, parse_int=whole_number)  # orjson would round it
    if not body.isascii():
        check_marks(body.decode())
    return value


def whole_number(digits: str) -> int:
    """The number; ScimError where it could not be kept to the letter."""
    if not -(2**63) <= int(digits[:25]) < 2**64:
        raise refuse("number_too_large", number=digits[:40])
    return int(digits)


def check(value: Any, depth: int) -> None:
    """Walk parsed JSON; ScimError where a limit of this module is passed."""
    if isinstance(value, str):
        check_string(value)
    elif isinstance(value, dict):
        check_depth(depth)
        check_keys(len(value))
        for key, item in value.items():
            check_string(key)
            check(item, depth - 1)
    elif isinstance(value, list):
        check_depth(depth)
        for item in value:
            check(item, depth - 1)


def check_depth(left: int) -> None:
    """ScimError where no level of nesting is left."""
    if left <= 0:
        raise refuse("nested_too_deep", most=limits.JSON_DEPTH)


def check_string(text: str) -> None:
    """ScimError for a string that is too long to keep or holds a NUL."""
    if len(text) > limits.STRING:
        raise refuse("string_too_long", most=limits.STRING, sent=len(text))
    if "\0" in text:
        raise refuse("nul_character")
    check_marks(text)


def check_marks(text: str) -> None:
    """ScimError for a string with so many combining marks in a row that to compare it takes long."""
    if not text.isascii() and crowded(text):
        raise refuse("too_many_marks", most=MARKS)


def check_keys(number: int) -> None:
    """ScimError for an object with too many keys."""
    if number > limits.KEYS:
        raise refuse("too_many_keys", most=limits.KEYS)


def check_schemas(body: Document) -> None:
    """Refuse a `schemas` that is no list of texts; which URNs are in it is the client's affair."""
    schemas = member_of(body, "schemas")
    if schemas is not None and not (
        isinstance(schemas, list) and all(isinstance(urn, str) for urn in schemas)
    ):
        raise refuse("schemas_not_urns")


def member_of(body: Any, name: str) -> Any:
    """A member of a JSON object, its name compared without case; 400 when it is no object."""
    if not isinstance(body, dict):
        raise refuse("not_an_object")
    return next((value for key, value in body.items() if key.lower() == name), None)
