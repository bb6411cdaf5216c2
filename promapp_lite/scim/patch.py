"""PATCH (RFC 7644 §3.5.2) on a document, in the forms Entra sends it.

POST and PUT go the same way: their body is a path-less `add` to an empty document.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from promapp_lite.errors import ScimError
from promapp_lite.jsonio import Document, key_in, key_of
from promapp_lite.scim import filter as filters
from promapp_lite.scim import limits, passwords
from promapp_lite.scim.body import check_keys, check_schemas, member_of
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource_types import CUSTOM_URN, Path, ResourceType, resolve
from promapp_lite.scim.schema import Attribute, undeclared
from promapp_lite.scim.values import LABELS, coerce, single
from promapp_lite.text import fold

OPERATIONS = ("add", "replace", "remove")
IGNORED = ("schemas", "id", "meta")  # Entra sends them inside values, and means nothing by it
VALUE_PATH = re.compile(r"(?P<path>[^\[\]]+)\[(?P<filter>.*)\](?:\.(?P<sub>[^.\[\]]+))?", re.DOTALL)


class Operation(NamedTuple):
    """One change: what to do, where (and for which of several values), and the value as sent."""

    op: str
    path: Path
    tree: filters.Tree | None
    value: Any


class Budget:
    """What one request may still do, and the texts it has folded by now."""

    def __init__(self) -> None:
        self.comparisons = limits.COMPARISONS
        self.folded: dict[str, str] = {}

    def spend(self, comparisons: int) -> None:
        """Take so many comparisons; ScimError 400 where none are left."""
        self.comparisons -= comparisons
        if self.comparisons < 0:
            raise refuse("too_many_comparisons")

    def fold(self, text: str) -> str:
        """The folded text, made once."""
        found = self.folded.get(text)
        if found is None:
            found = self.folded[text] = fold(text)
        return found


Names = dict[int, dict[str, str]]  # by the id of an object: its keys by their lower case


def parse(kind: ResourceType, body: Any) -> list[Operation]:
    """The operations of a PATCH body, path-less ones spread over their keys; ScimError 400."""
    operations = member_of(body, "operations")
    if not isinstance(operations, list):  # an empty one is Microsoft's validator's, and changes nothing
        raise refuse("no_operations", request="PATCH")
    if len(operations) > limits.OPERATIONS:
        raise refuse("too_many_operations", most=limits.OPERATIONS, sent=len(operations))
    check_schemas(body)
    spread_out = [each for sent in operations for each in parse_one(kind, sent)]
    if len(spread_out) > limits.BULK_PATCH:
        raise refuse("too_many_operations", most=limits.BULK_PATCH, sent=len(spread_out))
    return spread_out


def parse_one(kind: ResourceType, sent: Any) -> Iterator[Operation]:
    """One sent operation, spread where it has no path."""
    op, path, value = (member_of(sent, name) for name in ("op", "path", "value"))
    if not isinstance(op, str) or op.lower() not in OPERATIONS:
        raise refuse("wrong_op", op=str(op))
    op = op.lower()
    if path in (None, ""):
        if op == "remove":
            raise refuse("no_path")
        yield from spread(kind, op, value)
        return
    if not isinstance(path, str):
        raise refuse("path_not_string")
    if passwords.named(path):
        return  # accepted and thrown away
    place, tree = target(kind, path, value)
    # `members[value eq "…"]` names the member in its path and needs no value besides.
    names_member = tree is not None and place.top.name == "members"
    if op != "remove" and not names_member and not any(key.lower() == "value" for key in sent):
        raise refuse("no_value", op=op, path=path)
    if place.attribute and place.attribute.name == "schemas":
        return  # derived from the document, whatever is sent
    if place.mutability == "readOnly":
        raise refuse("read_only", path=path)
    if (
        op == "remove"
        and place.attribute
        and place.attribute.required
        and place.urn is None
        and not place.sub
    ):
        raise refuse("required_removed", path=path)
    yield from expand(kind, Operation(op, place, tree, value))


def expand(kind: ResourceType, operation: Operation) -> Iterator[Operation]:
    """The operation itself; one on a whole extension becomes one for each attribute in its object.

    What the object does not name stays, also in a replace (RFC 7644 §3.5.2.3).
    """
    op, path, value = operation.op, operation.path, operation.value
    if path.attribute is not None:
        yield operation
        return
    if op == "remove" or value in (None, ""):
        yield operation._replace(op="remove")
        return
    if not isinstance(value, dict):
        raise refuse("extension_not_object", urn=path.urn)
    for name, item in value.items():
        inner = resolve(kind, f"{path.urn}:{name}")._replace(urn=path.urn)
        if inner.mutability != "readOnly":
            yield Operation(op, inner, None, item)


def target(kind: ResourceType, text: str, value: Any) -> tuple[Path, filters.Tree | None]:
    """What a path or key names; an object under an unknown URN is an extension with its attributes."""
    if isinstance(value, dict) and text.lower().startswith("urn:") and not kind.knows(text):
        custom = CUSTOM_URN.fullmatch(text)
        if custom is None or not custom[2]:
            return Path(text, None), None
    return parse_path(kind, text)


def key_target(kind: ResourceType, key: str, value: Any) -> tuple[Path, filters.Tree | None]:
    """What a key in a body names; one that is no path is an attribute of just that name."""
    try:
        return target(kind, key, value)
    except ScimError:
        if not key or "[" in key:
            raise
        return Path(None, undeclared(key)), None


def spread(kind: ResourceType, op: str, value: Any) -> Iterator[Operation]:
    """A path-less value as one operation a key; keys may be dotted, URNs or value paths."""
    if not isinstance(value, dict):
        raise refuse("value_not_object", op=op)
    seen = set()
    for key, item in value.items():
        if key.lower() in IGNORED:
            continue
        if key.lower() == kind.urn.lower():
            yield from spread(kind, op, item)
            continue
        path, tree = key_target(kind, key, item)
        if (path, tree) in seen:
            raise refuse("sent_twice", path=str(path))
        seen.add((path, tree))
        if path.mutability != "readOnly":
            yield from expand(kind, Operation(op, path, tree, item))


@lru_cache(4096)
def parse_path(kind: ResourceType, text: str) -> tuple[Path, filters.Tree | None]:
    """`attribute`, `attribute.sub`, `attribute[filter]` or `…[filter].sub`, each with or without URN."""
    if "[" not in text:
        return resolve(kind, text), None
    match = VALUE_PATH.fullmatch(text)
    if match is None:
        raise refuse("unreadable_path", path=text)
    path = resolve(kind, match["path"])
    if path.attribute is None or path.sub or not (path.top.multi_valued or path.top.undeclared):
        raise refuse("no_list_of_values", path=str(path))
    tree = filters.parse_value(path.attribute, match["filter"])
    if match["sub"]:
        path = path._replace(sub=resolve_sub(path, match["sub"]))
    return path, tree


def resolve_sub(path: Path, name: str) -> Any:
    """The sub-attribute behind the closing bracket."""
    try:
        return filters.value_resolver(path.leaf)(name).attribute
    except ScimError:
        raise refuse("no_sub_attribute", name=name, attribute=str(path)) from None


def apply(document: Document, operations: list[Operation], budget: Budget | None = None) -> None:
    """Carry out the operations on the document, in place and in order; ScimError 400 where one cannot be."""
    budget, names = budget or Budget(), Names()
    for operation in operations:
        if operation.path.mutability != "writeOnly":  # a password is accepted and thrown away
            apply_one(document, operation, budget, names)


def apply_one(document: Document, operation: Operation, budget: Budget, names: Names) -> None:
    """Carry out one operation."""
    path = settled(document, operation.path, names)
    if path is not operation.path:
        operation = operation._replace(path=path)
    if path.attribute is None:
        if operation.op != "remove" and operation.value not in (None, ""):
            raise refuse("extension_not_object", urn=path.urn)
        document.pop(key_for(names, document, str(path.urn)), None)
        return
    holder = document if path.urn is None else extension(document, path, names)
    name = path.attribute.name
    # What the table knows is kept by its name.
    key = key_for(names, holder, name) if path.attribute.undeclared else name
    held = holder.get(key)
    if isinstance(held, list):
        budget.spend(comparisons(held, operation))
    changed = CHANGES[bool(operation.tree), bool(path.sub)](held, operation, budget)
    if changed in (None, [], {}):
        holder.pop(key, None)
    else:
        holder[key] = changed
        check_keys(len(holder))
    if not holder and path.urn is not None:
        del document[key_for(names, document, path.urn)]


def settled(document: Document, path: Path, names: Names) -> Path:
    """The path, which names an extension of the document where it was read as an attribute of its URN.

    Only the document tells that `urn:example:Lucky` is an extension and `urn:example:Lucky.number` in it.
    """
    if path.urn is None or path.attribute is None or not path.attribute.undeclared:
        return path
    whole = key_for(names, document, f"{path.urn}:{path.attribute.name}")
    if not isinstance(document.get(whole), dict):
        return path
    return Path(whole, path.sub and undeclared(path.sub.name))


def key_for(names: Names, holder: Document, name: str) -> str:
    """The key under which the holder has `name`, whatever its case, as `key_in`, but looking through it once.

    `name` itself where it has none: then it is about to be that key.
    """
    if name in holder:
        return name
    known = names.get(id(holder))
    if known is None:
        known = names[id(holder)] = {key.lower(): key for key in holder}
    found = known.get(name.lower())
    if found is None or found not in holder:
        found = known[name.lower()] = name
    return found


def comparisons(held: list[Any], operation: Operation) -> int:
    """What an operation costs: values there, and what is in them, times what each is compared with."""
    values = sum(map(weight, held))
    if operation.tree:
        return values * filters.terms(operation.tree)
    return values * (
        len(operation.value) if isinstance(operation.value, list) and operation.op == "remove" else 1
    )


def weight(value: Any) -> int:
    """How many short values take as long to read as this one."""
    if isinstance(value, dict):
        return 1 + len(value) // 8 + sum(len(part) for part in value.values() if isinstance(part, str)) // 500
    return 1 + len(value) // 500 if isinstance(value, str) else 1


def extension(document: Document, path: Path, names: Names) -> Document:
    """The object of the path's extension in the document, made where it is not there yet."""
    held = document.setdefault(key_for(names, document, str(path.urn)), {})
    check_keys(len(document))
    if not isinstance(held, dict):
        raise refuse("holds_plain_value", path=str(path), holder=path.urn)
    return held


def on_attribute(held: Any, operation: Operation, budget: Budget) -> Any:
    """`attribute`: the new value of the whole attribute."""
    attribute, op = operation.path.leaf, operation.op
    if op == "remove":
        return without(held, operation, budget)
    value = coerce(attribute, operation.value)
    if value is None and only_read_only(attribute, operation.value):
        return held  # what is read-only is ignored, and nothing else was named
    if op == "add" and (attribute.multi_valued or isinstance(held, list)):
        added = value if isinstance(value, list) else [] if value is None else [value]
        return joined(held or [], added, attribute)
    if isinstance(held, dict) and isinstance(operation.value, dict) and "value" not in attribute.by_name:
        return extended(held, operation)
    return value


def only_read_only(attribute: Attribute, value: Any) -> bool:
    """Whether a complex value names sub-attributes that clients cannot set, and no others."""
    if not isinstance(value, dict) or not value or not attribute.complex:
        return False
    return all(attribute.sub(name).mutability == "readOnly" for name in value)


def extended(held: Document, operation: Operation) -> Document:
    """The complex value with the sub-attributes named set or removed; the others stay (RFC 7644 §3.5.2.3)."""
    found, names = dict(held), Names()
    for name, item in operation.value.items():
        sub = operation.path.leaf.sub(name)
        key, value = key_for(names, found, sub.name), coerce(sub, item)
        if sub.mutability != "readOnly":
            found.pop(key, None)
            if value is not None:
                found[key] = value
    check_keys(len(found))
    return found


def joined(held: list[Any], added: list[Any], attribute: Attribute) -> list[Any]:
    """The values held and those added that are not there yet; a new primary takes over (RFC 7644 §3.5.2).

    One that is there, and is added as the primary one, becomes that.
    """
    if not held and len(added) < 2:
        return added
    there = {key_of(known(attribute, value)) for value in held}
    keys = ((value, key_of(known(attribute, value))) for value in added)
    new = list({key: value for value, key in keys if key not in there}.values())
    values = held + new
    for place, value in enumerate(new):
        if isinstance(value, dict) and value.get("primary") is True:
            same = less_primary(held, value, attribute)
            if same is not None:
                same["primary"] = True
                values = others(values, [value])
                new[place] = same
    if len(values) > limits.VALUES:
        raise refuse("too_many_values", attribute=attribute.name, most=limits.VALUES, sent=len(values))
    return one_primary(values, new)


def known(attribute: Attribute, value: Any) -> Any:
    """The value with its texts folded where the attribute does not count case, to compare it."""
    if isinstance(value, dict):
        return {key: known(attribute.sub(key), item) for key, item in value.items()}
    return fold(value) if isinstance(value, str) and not attribute.case_exact else value


def less_primary(held: list[Any], added: Document, attribute: Attribute) -> Document | None:
    """The value held that has what the added one has, but for being primary; None where none has."""
    named = known(attribute, {key: item for key, item in added.items() if key != "primary"})
    for value in held:
        if isinstance(value, dict) and named.items() <= known(attribute, value).items():
            return value
    return None


def one_primary(values: list[Any], newest: list[Any]) -> list[Any]:
    """The values with `primary` taken from all but the newest primary one."""
    primaries = [value for value in newest if isinstance(value, dict) and value.get("primary") is True]
    if not primaries:
        return values
    for value in values:
        if isinstance(value, dict) and value.get("primary") is True and value is not primaries[-1]:
            value["primary"] = False
    return values


def without(held: Any, operation: Operation, budget: Budget) -> Any:
    """What stays after `remove attribute`; with a value, in whatever form, only the values it names go."""
    attribute = operation.path.leaf
    several = attribute.multi_valued or isinstance(held, list)
    if not several or operation.value in (None, ""):
        return None
    sent = operation.value if isinstance(operation.value, list) else [operation.value]
    gone = coerce(attribute, sent) or []
    return [value for value in held or [] if not any(covers(attribute, each, value, budget) for each in gone)]


def covers(attribute: Attribute, named: Any, value: Any, budget: Budget) -> bool:
    """Whether the value has everything the named one asks for, compared as a filter would."""
    if isinstance(named, dict):
        return all(
            same(sub, filters.read(value, sub), item, budget)
            for name, item in named.items()
            if (sub := attribute.sub(name))
        )
    sub = attribute.sub("value") if attribute.complex or isinstance(value, dict) else attribute
    return same(sub, filters.read(value, sub) if isinstance(value, dict) else value, named, budget)


def same(attribute: Attribute, held: Any, named: Any, budget: Budget) -> bool:
    """Whether two values of an attribute are the same; a boolean that is absent is false."""
    if isinstance(held, str) and isinstance(named, str) and not attribute.case_exact:
        return budget.fold(held) == budget.fold(named)
    return bool(held == named) or (named is False and held is None)


def on_sub_attribute(held: Any, operation: Operation, budget: Budget) -> Any:
    """`attribute.sub`: the attribute with that part set or removed."""
    path = operation.path
    if path.top.multi_valued or isinstance(held, list):
        return on_sub_of_all_values(held or [], operation)
    if held is not None and not isinstance(held, dict):
        raise refuse("holds_plain_value", path=str(path), holder=path.top.name)
    return with_sub(held or {}, operation)


def on_sub_of_all_values(held: list[Any], operation: Operation) -> list[Any]:
    """`emails.value` and the like without a filter: that part of all values (RFC 7644 §3.5.2.3)."""
    sub, op = operation.path.leaf, operation.op
    if op == "remove" or coerce(sub, operation.value) is None:
        return [kept for each in held if (kept := with_sub(each, operation, "remove"))]
    if not held:
        return [with_sub({}, operation)]
    if op == "add" and sub.name == "value":
        return joined(held, [with_sub({}, operation)], operation.path.top)
    made = [with_sub(each, operation) for each in held]
    return one_primary(list({key_of(each): each for each in made}.values()), made[-1:])


def with_sub(element: Any, operation: Operation, op: str | None = None) -> Any:
    """A copy of the element with the sub-attribute set, or gone when its value is empty."""
    sub = operation.path.leaf
    found: Document = dict(element) if isinstance(element, dict) else {"value": element}
    key = key_in(found, sub.name)
    value = None if (op or operation.op) == "remove" else coerce(sub, operation.value)
    if value is None:
        removed = found.pop(key, None)
        if operation.op == "remove" and operation.path.top.multi_valued:
            return like(element, found)  # what is named goes, nothing else
        reference = sub.name == "value" and not operation.path.top.undeclared
        bare = operation.path.top.multi_valued and not found.keys() - LABELS
        # Cleared: keeping `{type: "work"}` would be an e-mail without an address.
        return {} if removed is not None and (bare or reference) else like(element, found)
    found[key] = value
    check_keys(len(found))
    return like(element, found)


def on_values(held: Any, operation: Operation, budget: Budget) -> list[Any]:
    """`attribute[filter]`: the values with the matching ones replaced, extended or removed."""
    values, hits = matching(held, operation, budget)
    if operation.op == "remove":
        return others(values, hits)
    value = as_element(single(operation.path.leaf, element_value(operation)))
    if not hits:
        if value is None:
            return values
        return joined(values, [like(values, implied_element(operation) | value)], operation.path.top)
    if value is None:
        return values if operation.op == "add" else others(values, hits)
    base = implied_element(operation, strict=False)
    made = [like(hit, (as_element(hit) if operation.op == "add" else base) | value) for hit in hits]
    return one_primary(replaced(values, hits, made), made)


def as_element(value: Any) -> Any:
    """A plain value as the element it stands for."""
    return value if value is None or isinstance(value, dict) else {"value": value}


def like(model: Any, element: Document) -> Any:
    """The element as plain as the value whose place it takes, or as the values it joins."""
    plain = not isinstance(model, dict) and not (
        isinstance(model, list) and any(isinstance(each, dict) for each in model)
    )
    if plain and model not in (None, []) and len(element) == 1 and "value" in element:
        return element["value"]
    return element


def on_sub_of_values(held: Any, operation: Operation, budget: Budget) -> list[Any]:
    """`attribute[filter].sub`: the matching values with that part set or removed.

    Where none matches, one is made from the filter: Entra sets `emails[type eq "work"].value` on
    people without a work e-mail, and a second operation must find what the first one made.
    """
    values, hits = matching(held, operation, budget)
    operation = operation._replace(value=element_value(operation))
    gone = operation.op == "remove" or coerce(operation.path.leaf, operation.value) is None
    if not hits:
        if gone:
            return values
        made = with_sub(implied_element(operation), operation)
        return joined(values, [like(values, made)], operation.path.top)
    made = [with_sub(hit, operation) for hit in hits]
    return one_primary([kept for kept in replaced(values, hits, made) if kept], made)


def matching(held: Any, operation: Operation, budget: Budget) -> tuple[list[Any], list[Any]]:
    """All values, and those the filter chooses."""
    values = list(held) if isinstance(held, list) else [] if held is None else [held]
    assert operation.tree is not None  # noqa: S101
    return values, [value for value in values if filters.matches(operation.tree, value, budget.fold)]


def others(values: list[Any], hits: list[Any]) -> list[Any]:
    """The values that are none of the hits themselves."""
    gone = {id(hit) for hit in hits}
    return [value for value in values if id(value) not in gone]


def replaced(values: list[Any], hits: list[Any], made: list[Any]) -> list[Any]:
    """The values, with what was made of each hit in its place."""
    places = {id(hit): new for hit, new in zip(hits, made, strict=True)}
    return [places.get(id(value), value) for value in values]


def element_value(operation: Operation) -> Any:
    """The value of an operation on one element; Entra also sends it in a list of one."""
    value = operation.value
    if not isinstance(value, list):
        return value
    if len(value) > 1:
        raise refuse("one_value", attribute=str(operation.path), sent=len(value))
    return value[0] if value else None


def implied_element(operation: Operation, strict: bool = True) -> Document:
    """The element a filter of `eq` terms describes, `{type: "work"}`; 400 noTarget where there is none."""
    tree = operation.tree
    assert tree is not None  # noqa: S101
    terms = tree[1] if tree[0] == "and" else (tree,)
    if all(term[0] == "eq" for term in terms):
        return {term[1].leaf.name: term[3] for term in terms}
    if strict:
        raise refuse("no_match", attribute=operation.path.top.name)
    return {}


CHANGES = {
    (False, False): on_attribute,
    (False, True): on_sub_attribute,
    (True, False): on_values,
    (True, True): on_sub_of_values,
}
