"""What a sent value becomes before it is kept: right type, right shape, or a 400 in words.

Entra's shapes are taken as they are meant ("False" for false, a bare text for a
manager, a one-element list for a single value, null or "" for "remove"); texts are kept to the letter.
"""

from collections.abc import Callable
from typing import Any

from promapp_lite import clock, jsonio
from promapp_lite.scim import limits
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.schema import Attribute

BOOLEANS = {"true": True, "false": False}
LIMITED = {"userName": limits.NAME, "externalId": limits.NAME}
LABELS = {"type", "primary", "display", "$ref"}  # sub-attributes that do not make a value on their own
SHOWN = 80  # characters of a value of the wrong type that the error shows


def coerce(attribute: Attribute, value: Any) -> Any:
    """The value of a whole attribute in the shape the table gives it; None means absent."""
    if attribute.undeclared:
        return without_nulls(value)
    if attribute.multi_valued:
        return many(attribute, value)
    if isinstance(value, list):
        if len(value) > 1:
            raise refuse("one_value", attribute=attribute.name, sent=len(value))
        value = value[0] if value else None
    return single(attribute, value)


def without_nulls(value: Any) -> Any:
    """An undeclared value without what says nothing: Entra cannot read an answer that holds a null."""
    if isinstance(value, list):
        value = [kept for each in value if (kept := without_nulls(each)) is not None]
    elif isinstance(value, dict):
        value = {name: kept for name, each in value.items() if (kept := without_nulls(each)) is not None}
    return None if value in ("", [], {}) else value


def many(attribute: Attribute, value: Any) -> list[Any] | None:
    """A multi-valued attribute as a list without empty elements and with at most one primary."""
    sent = value if isinstance(value, list) else [value]
    if len(sent) > limits.VALUES:
        raise refuse("too_many_values", attribute=attribute.name, most=limits.VALUES, sent=len(sent))
    values = [item for item in (single(attribute, each) for each in sent) if item is not None]
    if sum(1 for item in values if isinstance(item, dict) and item.get("primary") is True) > 1:
        raise refuse("two_primaries", attribute=attribute.name)
    return values or None


def single(attribute: Attribute, value: Any) -> Any:
    """One value: an element of a multi-valued attribute, or the value of a single-valued one."""
    if value is None or value == "":
        return None
    if attribute.undeclared:
        return without_nulls(value)
    if attribute.complex:
        return element(attribute, value)
    if isinstance(value, dict) and "value" in value:  # seen as [{"value": "x"}] on a filtered path
        return single(attribute, value["value"])
    return SIMPLE[attribute.type](attribute, value)


def element(attribute: Attribute, value: Any) -> dict[str, Any] | None:
    """A complex value; a bare value stands for its `value` (Entra sends managers so)."""
    if not isinstance(value, dict):
        if "value" not in attribute.by_name or isinstance(value, list):
            raise refuse("not_object", attribute=attribute.name, value=shown(attribute, value))
        value = {"value": value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        sub = attribute.sub(name)
        if sub.mutability == "readOnly":
            continue
        if sub.name in found:
            raise refuse("sent_twice", path=f"{attribute.name}.{sub.name}")
        kept = coerce(sub, item)
        if kept is not None:
            found[sub.name] = kept
    emptied = "value" in attribute.by_name and "value" not in found
    if emptied and not found.keys() - LABELS and any(name.lower() == "value" for name in value):
        return None  # the value sent as null is what it was: `{type: "mobile", value: null}` is no number
    return found or None


def as_text(attribute: Attribute, value: Any) -> str:
    """Text, kept to the letter."""
    if not isinstance(value, str):
        raise refuse("not_string", attribute=attribute.name, value=shown(attribute, value))
    limit = LIMITED.get(attribute.name)
    if limit and len(value) > limit:
        raise refuse("too_long", attribute=attribute.name, most=limit, sent=len(value))
    if attribute.name == "userName" and (value != value.strip() or not value.isprintable()):
        raise refuse("spaces_around", attribute=attribute.name)
    return value


def as_boolean(attribute: Attribute, value: Any) -> bool:
    """A boolean; without the aadOptscim062020 flag Entra sends "True" and "False"."""
    known = BOOLEANS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(known, bool):
        raise refuse("not_boolean", attribute=attribute.name, value=shown(attribute, value))
    return known


def as_moment(attribute: Attribute, value: Any) -> str:
    """An xsd:dateTime, kept to the letter."""
    try:
        clock.moment(value)
    except (ValueError, TypeError):
        raise refuse("not_datetime", attribute=attribute.name, value=shown(attribute, value)) from None
    return str(value)


SIMPLE: dict[str, Callable[[Attribute, Any], Any]] = {
    "string": as_text,
    "reference": as_text,
    "binary": as_text,
    "boolean": as_boolean,
    "dateTime": as_moment,
}


def shown(attribute: Attribute, value: Any) -> str:
    """The value of a wrong type as JSON, cut short; never one that must not be seen again."""
    if attribute.returned == "never":
        return "another type"
    text = jsonio.dumps(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
