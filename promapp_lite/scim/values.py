"""What a sent value becomes before it is kept: right type, right shape, or a 400 in words.

Entra's shapes are taken as they are meant (shared wire forms: "False" for false, a bare text for a
manager, a one-element list for a single value, null or "" for "remove"); texts are kept to the letter.
"""

from collections.abc import Callable
from typing import Any

from promapp_lite import clock, jsonio
from promapp_lite.errors import ScimError, bad
from promapp_lite.scim.schema import Attribute

MAX_VALUES = 1000
BOOLEANS = {"true": True, "false": False}
LIMITED = {"userName": 255, "externalId": 255}


def coerce(attribute: Attribute, value: Any) -> Any:
    """The value of a whole attribute in the shape the table gives it; None means absent."""
    if attribute.free:
        return without_nulls(value)
    if attribute.multi:
        return many(attribute, value)
    if isinstance(value, list):
        if len(value) > 1:
            raise bad("invalidValue", f"{attribute.name} takes one value; {len(value)} were sent.")
        value = value[0] if value else None
    return single(attribute, value)


def without_nulls(value: Any) -> Any:
    """A free value without what says nothing: Entra cannot read an answer that holds a null."""
    if isinstance(value, list):
        value = [kept for each in value if (kept := without_nulls(each)) is not None]
    elif isinstance(value, dict):
        value = {name: kept for name, each in value.items() if (kept := without_nulls(each)) is not None}
    return None if value in ("", [], {}) else value


def many(attribute: Attribute, value: Any) -> list[Any] | None:
    """A multi-valued attribute as a list without empty elements and with at most one primary."""
    sent = value if isinstance(value, list) else [value]
    if len(sent) > MAX_VALUES:
        raise bad(
            "tooMany",
            f"{attribute.name} takes at most {MAX_VALUES:,} values; {len(sent):,} were sent.",
        )
    values = [item for item in (single(attribute, each) for each in sent) if item is not None]
    if sum(1 for item in values if isinstance(item, dict) and item.get("primary") is True) > 1:
        raise bad("invalidValue", f"{attribute.name} has more than one value with primary true.")
    return values or None


def single(attribute: Attribute, value: Any) -> Any:
    """One value: an element of a multi-valued attribute, or the value of a single-valued one."""
    if value is None or value == "":
        return None
    if attribute.complex:
        return element(attribute, value)
    if isinstance(value, dict) and "value" in value:  # seen as [{"value": "x"}] on a filtered path
        return single(attribute, value["value"])
    return SIMPLE[attribute.type](attribute, value)


def element(attribute: Attribute, value: Any) -> dict[str, Any] | None:
    """A complex value; a bare value stands for its `value` (Entra sends managers so)."""
    if not isinstance(value, dict):
        if "value" not in attribute.by_name or isinstance(value, list):
            raise wrong(attribute, value)
        value = {"value": value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        sub = attribute.sub(name)
        if sub.mutability == "readOnly":
            continue
        if sub.name in found:
            raise bad("invalidSyntax", f"{attribute.name}.{sub.name} was sent twice in one value.")
        kept = coerce(sub, item)
        if kept is not None:
            found[sub.name] = kept
    return found or None


def as_text(attribute: Attribute, value: Any) -> str:
    """Text, kept to the letter."""
    if not isinstance(value, str):
        raise wrong(attribute, value)
    limit = LIMITED.get(attribute.name)
    if limit and len(value) > limit:
        raise bad(
            "invalidValue",
            f"{attribute.name} takes at most {limit} characters; {len(value)} were sent.",
        )
    if attribute.name == "userName" and (value != value.strip() or not value.isprintable()):
        raise bad("invalidValue", "userName has blanks around it or control characters in it.")
    return value


def as_boolean(attribute: Attribute, value: Any) -> bool:
    """A boolean; without the aadOptscim062020 flag Entra sends "True" and "False"."""
    known = BOOLEANS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(known, bool):
        raise wrong(attribute, value)
    return known


def as_moment(attribute: Attribute, value: Any) -> str:
    """An xsd:dateTime, kept to the letter."""
    try:
        clock.moment(value)
    except (ValueError, TypeError):
        raise wrong(attribute, value) from None
    return str(value)


SIMPLE: dict[str, Callable[[Attribute, Any], Any]] = {
    "string": as_text,
    "reference": as_text,
    "binary": as_text,
    "boolean": as_boolean,
    "dateTime": as_moment,
    "any": lambda attribute, value: value,
}
WORDS = {
    "string": "a text",
    "reference": "a text",
    "binary": "a text in base64",
    "boolean": "true or false",
    "dateTime": "a date and time such as 2026-11-23T08:15:00Z",
    "complex": "an object",
}


def wrong(attribute: Attribute, value: Any) -> ScimError:
    """The 400 for a value of another type, naming the attribute, what it takes and what came."""
    shown = jsonio.dumps(value)
    shown = shown if len(shown) <= 80 else shown[:79] + "…"
    return bad("invalidValue", f"{attribute.name} takes {WORDS[attribute.type]}; {shown} was sent.")
