"""SCIM attribute paths as Entra writes them: read a value from a resource, put one into a body."""

import re
from functools import cache
from typing import Any, NamedTuple

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = {USER.lower(), GROUP.lower()}
SHAPE = re.compile(
    r'(?P<name>[$\w-]+)(?:\[(?P<key>[$\w-]+) eq "?(?P<value>[^"\]]*)"?\])?(?:\.(?P<sub>[$\w-]+))?'
)
TRUTH = {"true": True, "false": False}


class Path(NamedTuple):
    """`urn:name[key eq "value"].sub`; parts that are not there are None."""

    urn: str | None
    name: str
    key: str | None
    value: str | None
    sub: str | None


@cache
def parse(text: str) -> Path:
    """Take a path apart; ValueError when it is none. The version `2.0` is no sub-attribute."""
    urn, colon, rest = text.rpartition(":") if text.lower().startswith("urn:") else ("", "", text)
    shape = SHAPE.fullmatch(rest)
    if not shape or (colon and not urn):
        raise ValueError(f"not an attribute path: {text}")
    return Path(None if urn.lower() in CORE | {""} else urn, *shape.groups())


def child(node: Any, name: str) -> Any:
    """The value under `name`, whatever its case (RFC 7643 section 2.1); None when absent."""
    if isinstance(node, list):
        node = node[0] if node else None
    if not isinstance(node, dict):
        return None
    if name in node:
        return node[name]
    return next((node[key] for key in node if key.lower() == name.lower()), None)


def pick(elements: Any, key: str, value: str) -> Any:
    """The first element whose `key` is `value`, booleans and their texts being the same."""
    listed = elements if isinstance(elements, list) else []
    return next((each for each in listed if same(child(each, key), value)), None)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as Entra compares them: exact, but True is "True"."""
    if isinstance(one, bool) or isinstance(other, bool):
        return str(one).lower() == str(other).lower()
    return bool(one == other)


def read(resource: Any, text: str) -> Any:
    """The value a resource has at a path; a reference or multi-valued leaf gives its `value`."""
    path = parse(text)
    found = child(child(resource, path.urn) if path.urn else resource, path.name)
    if path.key:
        found = pick(found, path.key, path.value or "")
    if path.sub:
        return child(found, path.sub)
    return child(found, "value") if isinstance(found, (dict, list)) else found


def put(body: dict[str, Any], text: str, value: Any) -> None:
    """Set the value at a path of a new resource, making what stands between."""
    path = parse(text)
    node = body.setdefault(path.urn, {}) if path.urn else body
    if path.key:
        node = element(node.setdefault(path.name, []), path.key, path.value or "")
        node[path.sub or "value"] = value
    elif path.sub:
        node.setdefault(path.name, {})[path.sub] = value
    else:
        node[path.name] = value


def element(elements: list[dict[str, Any]], key: str, value: str) -> dict[str, Any]:
    """The element whose `key` is `value`; it is added where there is none."""
    found: dict[str, Any] | None = pick(elements, key, value)
    if found is None:
        found = {key: TRUTH.get(value.lower(), value)}
        elements.append(found)
    return found
