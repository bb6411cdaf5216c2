"""PATCH (RFC 7644 §3.5.2) on a document, in the forms Entra sends it.

POST and PUT go the same way: their body is a path-less `add` to an empty document.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from promapp_lite.errors import ScimError
from promapp_lite.jsonio import Document, key_in, key_of
from promapp_lite.scim import filter as filters
from promapp_lite.scim import limits, passwords
from promapp_lite.scim.body import check_keys, check_schemas, member_of
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource_types import (
    CUSTOM_URN,
    Path,
    ResourceType,
    resolve,
    resolve_among,
    undeclared_path,
)
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
    if not isinstance(operations, list):
        raise refuse("no_operations", request="PATCH")
    if len(operations) > limits.OPERATIONS:
        raise refuse("too_many_operations", most=limits.OPERATIONS, sent=len(operations))
    check_schemas(body)
    named = named_urns(body)
    spread_out = [each for sent in operations for each in parse_one(kind, sent, named)]
    steps = sum(len(each.value) if whole(each) else 1 for each in spread_out)
    if steps > limits.BULK_PATCH:
        raise refuse("too_many_operations", most=limits.BULK_PATCH, sent=steps)
    return spread_out


Named = dict[str, str]  # the URNs in `schemas`, by their lower case


def named_urns(body: Document) -> Named:
    """The URNs in `schemas`; it is not checked here."""
    schemas = member_of(body, "schemas")
    urns = schemas if isinstance(schemas, list) else ()
    return {urn.lower(): urn for urn in urns if isinstance(urn, str)}


def whole(operation: Operation) -> bool:
    """Whether it sets or removes attributes of an extension by an object that names them."""
    return operation.path.attribute is None and isinstance(operation.value, dict)


def parse_one(kind: ResourceType, sent: Any, named: Named) -> Iterator[Operation]:
    """One sent operation, spread where it has no path."""
    op, path, value = (member_of(sent, name) for name in ("op", "path", "value"))
    if not isinstance(op, str) or op.lower() not in OPERATIONS:
        raise refuse("wrong_op", op=str(op))
    op = op.lower()
    if path in (None, ""):
        if op == "remove":
            raise refuse("no_path")
        yield from spread(kind, op, value, named)
        return
    if not isinstance(path, str):
        raise refuse("path_not_string")
    if passwords.named(path):
        return  # accepted and thrown away
    place, tree = target(kind, path, value, named)
    # `members[value eq "…"]` names the member in its path and needs no value besides.
    names_member = tree is not None and place.top.name == "members"
    if op != "remove" and not names_member and not any(key.lower() == "value" for key in sent):
        raise refuse("no_value", op=op, path=path)
    if place.attribute and place.attribute.name == "schemas":
        return  # derived from the document, whatever is sent
    if place.mutability == "readOnly":
        raise refuse("read_only", path=path)
    if op == "remove" and place.attribute and place.sub is None and place.attribute.required:
        raise refuse("required_removed", attribute=place.attribute.name)
    yield from expand(kind, Operation(op, place, tree, value))


def expand(kind: ResourceType, operation: Operation) -> Iterator[Operation]:
    """The operation itself; one on a whole extension becomes one for each attribute in its object.

    What the object does not name stays, also in a replace (RFC 7644 §3.5.2.3).
    """
    op, path, value = operation.op, operation.path, operation.value
    if path.attribute is not None:
        yield operation
        return
    if value in (None, "") or (op == "remove" and not isinstance(value, dict)):
        yield operation._replace(op="remove")
        return
    if not isinstance(value, dict):
        raise refuse("extension_not_object", urn=path.urn)
    if not kind.knows(str(path.urn)):
        for name in value:
            undeclared_path(str(path.urn), name)  # it may be no URN, but that only the document tells
        yield operation
        return
    for name, item in value.items():
        inner = resolve(kind, f"{path.urn}:{name}")._replace(urn=path.urn)
        if inner.mutability != "readOnly":
            yield Operation(op, inner, None, item)


def target(kind: ResourceType, text: str, value: Any, named: Named) -> tuple[Path, filters.Tree | None]:
    """What a path or key names; an object under an unknown URN is an extension with its attributes."""
    if not text.lower().startswith("urn:") or kind.knows(text):
        return parse_path(kind, text)
    if (path := resolve_among(lambda urn: named.get(urn.lower()), text)) is not None:
        return path, None
    if isinstance(value, dict):
        custom = CUSTOM_URN.fullmatch(text)
        if custom is None or not custom[2]:
            return Path(text, None), None
    return parse_path(kind, text)


def key_target(kind: ResourceType, key: str, value: Any, named: Named) -> tuple[Path, filters.Tree | None]:
    """What a key in a body names; one that is no path is an attribute of just that name."""
    try:
        return target(kind, key, value, named)
    except ScimError:
        if not key or "[" in key:
            raise
        return Path(None, undeclared(key)), None


def spread(kind: ResourceType, op: str, value: Any, named: Named | None = None) -> Iterator[Operation]:
    """A path-less value as one operation a key; keys may be dotted, URNs or value paths."""
    if not isinstance(value, dict):
        raise refuse("value_not_object", op=op)
    named = {**(named or {}), **named_urns(value)}
    seen = set()
    for key, item in value.items():
        if key.lower() in IGNORED:
            continue
        if key.lower() == kind.urn.lower():
            yield from spread(kind, op, item, named)
            continue
        path, tree = key_target(kind, key, item, named)
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
        for each in settled(document, operation, names):
            if each.path.mutability != "writeOnly":  # a password is accepted and thrown away
                apply_one(document, each, budget, names)


def settled(document: Document, operation: Operation, names: Names) -> Iterable[Operation]:
    """The operation with its URN as the document has it; one for each attribute of an object."""
    path = operation.path
    if path.urn is None or operation.tree or (path.attribute and not path.attribute.undeclared):
        return (operation,)
    place = resolve_among(lambda urn: held_key(names, document, urn), str(path)) or path
    operation = operation._replace(path=place)
    if not whole(operation):
        if place.attribute is None and operation.op != "remove" and operation.value not in (None, ""):
            raise refuse("extension_not_object", urn=place.urn)
        return (operation,)
    urn = str(place.urn)
    return [
        operation._replace(path=undeclared_path(urn, name), value=item)
        for name, item in operation.value.items()
    ]


def apply_one(document: Document, operation: Operation, budget: Budget, names: Names) -> None:
    """Carry out one operation."""
    path = operation.path
    if path.attribute is None:
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
    if operation.tree and held and not isinstance(held, list) and len(changed) == 1:
        changed = changed[0]  # one undeclared value does not become a list because a filter named it
    if changed in (None, [], {}):
        holder.pop(key, None)
    else:
        holder[key] = changed
        check_keys(len(holder))
    if not holder and path.urn is not None:
        del document[key_for(names, document, path.urn)]


def key_for(names: Names, holder: Document, name: str) -> str:
    """The key under which the holder has `name`, whatever its case, as `key_in`, but looking through it once.

    `name` itself where it has none: then it is about to be that key.
    """
    found = held_key(names, holder, name)
    if found is None:
        found = names[id(holder)][name.lower()] = name
    return found


def held_key(names: Names, holder: Document, name: str) -> str | None:
    """The key under which the holder has `name`, whatever its case; None where it has none."""
    if name in holder:
        return name
    known = names.get(id(holder))
    if known is None:
        known = names[id(holder)] = {key.lower(): key for key in holder}
    found = known.get(name.lower())
    return found if found in holder else None


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
    if op == "add" and (attribute.multi_valued or isinstance(held, list)):
        added = value if isinstance(value, list) else [] if value is None else [value]
        return joined(held or [], added, attribute)
    sent = (
        operation.value[0]
        if isinstance(operation.value, list) and len(operation.value) == 1
        else operation.value
    )
    if isinstance(held, dict) and isinstance(sent, dict) and not renamed(attribute, held, value, sent):
        return extended(held, operation._replace(value=sent))
    return value


def renamed(attribute: Attribute, held: Document, value: Any, sent: Document) -> bool:
    """Whether the value sent stands for another thing than the one held: the parts of that do not stay."""
    if "value" not in attribute.by_name or not any(name.lower() == "value" for name in sent):
        return False
    return value is None or value.get("value") != held.get("value")


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
    """The values held and those added that are not there yet; a new primary takes over (RFC 7644 §3.5.2)."""
    if not held and len(added) < 2:
        return added
    there = {name: value for value in reversed(held) for name in identities(value, attribute)}
    new: list[Any] = []
    touched: list[Any] = []
    for value in added:
        name = identities(value, attribute)[0]
        same = there.get(name)
        if isinstance(same, dict):
            same.update({name: item for name, item in value.items() if name == "primary" or name not in same})
        elif same is None:
            new.append(value)
            there.update(dict.fromkeys(identities(value, attribute), value))
        touched.append(same if isinstance(same, dict) else value)
    if (sent := len(held) + len(new)) > limits.VALUES:
        raise refuse("too_many_values", attribute=attribute.name, most=limits.VALUES, sent=sent)
    return one_primary(held + new, touched)


def identities(value: Any, attribute: Attribute) -> list[bytes]:
    """What a value is found again by: all of it but `primary`, or its `value` where no more is sent.

    Texts are folded where the attribute does not count case.
    """
    known = folded(attribute, value)
    if not isinstance(known, dict):
        return [key_of(known)]
    parts = {name: item for name, item in known.items() if name != "primary"}
    alone = "value" in attribute.by_name and len(parts) > 1 and "value" in parts
    return [key_of(parts), key_of({"value": parts["value"]})] if alone else [key_of(parts)]


def folded(attribute: Attribute, value: Any) -> Any:
    """The value as it is compared."""
    if isinstance(value, dict):
        return {name: folded(attribute.sub(name), item) for name, item in value.items()}
    return fold(value) if isinstance(value, str) and not attribute.case_exact else value


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
    """What stays after `remove attribute`; with a value, as Entra sends it, only what that names goes.

    An attribute with one value is named by its path, whatever the value beside it.
    """
    attribute = operation.path.leaf
    if operation.value in (None, ""):
        return None
    if isinstance(held, list):
        gone = coerce(attribute, operation.value) or []
        gone = gone if isinstance(gone, list) else [gone]
        return [value for value in held if not any(covers(attribute, each, value, budget) for each in gone)]
    if isinstance(held, dict) and isinstance(operation.value, dict) and "value" not in attribute.by_name:
        gone = {name.lower() for name in operation.value}
        return {name: item for name, item in held.items() if name.lower() not in gone}
    return None


def covers(attribute: Attribute, named: Any, value: Any, budget: Budget) -> bool:
    """Whether the value has everything the named one asks for, compared as a filter compares it."""
    parts = as_element(named)
    return all(
        alike(sub := attribute.sub(name), item, filters.read(value, sub), budget)
        for name, item in parts.items()
    )


def alike(attribute: Attribute, named: Any, held: Any, budget: Budget) -> bool:
    """Whether two values of an attribute are the same to a filter with `eq`."""
    if isinstance(named, str) and isinstance(held, str) and not attribute.case_exact:
        return budget.fold(named) == budget.fold(held)
    return key_of(named) == key_of(held) or (named is False and held is None)  # no boolean is false


def on_sub_attribute(held: Any, operation: Operation, budget: Budget) -> Any:
    """`attribute.sub`: the attribute with that part set or removed."""
    path = operation.path
    if path.top.multi_valued or isinstance(held, list):
        return on_sub_of_all_values(held or [], operation, budget)
    if held is not None and not isinstance(held, dict):
        raise refuse("holds_plain_value", path=str(path), holder=path.top.name)
    return with_sub(held or {}, operation)


def on_sub_of_all_values(held: list[Any], operation: Operation, budget: Budget) -> list[Any]:
    """`emails.value` and the like without a filter: that part of all values, or of the one there is to be."""
    sub, op = operation.path.leaf, operation.op
    if op == "remove" and operation.value not in (None, ""):
        named = operation.value if isinstance(operation.value, list) else [operation.value]
        gone = [{sub.name: coerce(sub, each)} for each in named]
        top = operation.path.top
        hits = [each for each in held if any(covers(top, one, each, budget) for one in gone)]
        made = [with_sub(hit, operation) for hit in hits]
        return [kept for kept in replaced(held, hits, made) if kept != {}]
    if op == "remove" or coerce(sub, operation.value) is None:
        return [kept for each in held if (kept := with_sub(each, operation)) != {}]
    if not held:
        return [with_sub({}, operation)]
    if sub.name == "value" and op == "add":
        return joined(held, [shaped(with_sub({}, operation), held[0])], operation.path.top)
    made = [with_sub(each, operation) for each in held]
    return one_primary(made, made)


def with_sub(element: Any, operation: Operation) -> Any:
    """A copy of the element with the sub-attribute set, or gone when its value is empty."""
    sub = operation.path.leaf
    found: Document = dict(element) if isinstance(element, dict) else {"value": element}
    key = key_in(found, sub.name)
    value = None if operation.op == "remove" else coerce(sub, operation.value)
    if value is None:
        removed = found.pop(key, None)
        # `remove` takes what it names; but Entra clears by null, and then `{type: "work"}` is no e-mail.
        several, null = operation.path.top.multi_valued, operation.op != "remove"
        reference = sub.name == "value" and not operation.path.top.undeclared and (null or not several)
        bare = several and null and not found.keys() - LABELS
        return {} if removed is not None and (bare or reference) else shaped(found, element)
    found[key] = value
    check_keys(len(found))
    return shaped(found, element)


def shaped(element: Document, model: Any) -> Any:
    """The element, as a plain value where the one it goes beside, or in place of, is plain."""
    plain = not isinstance(model, dict) and element.keys() == {"value"}
    return element["value"] if plain else element


def on_values(held: Any, operation: Operation, budget: Budget) -> list[Any]:
    """`attribute[filter]`: the values with the matching ones replaced, extended or removed."""
    values, hits = matching(held, operation, budget)
    if operation.op == "remove":
        return others(values, hits)
    sent = single(operation.path.leaf, element_value(operation))
    value = as_element(sent)
    if not hits:
        if value is None:
            return values
        new = over(implied_element(operation), value)
        return joined(values, [shaped(new, values[0] if values else new)], operation.path.top)
    if value is None:
        return values if operation.op == "add" else others(values, hits)
    # A plain value names the `value` of an element, an object the whole of it.
    base = None if operation.op == "add" or sent is not value else implied_element(operation, strict=False)
    made = [shaped(over(as_element(hit) if base is None else base, value), hit) for hit in hits]
    return one_primary(replaced(values, hits, made), made)


def over(element: Document, parts: Document) -> Document:
    """The element with these parts in it, each under the key it has there, whatever its case."""
    keys = {key.lower(): key for key in element}
    return element | {keys.get(name.lower(), name): item for name, item in parts.items()}


def as_element(value: Any) -> Any:
    """A plain value as the element it stands for."""
    return value if value is None or isinstance(value, dict) else {"value": value}


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
        new = with_sub(implied_element(operation), operation)
        return joined(values, [shaped(new, values[0] if values else new)], operation.path.top)
    made = [with_sub(hit, operation) for hit in hits]
    return one_primary([kept for kept in replaced(values, hits, made) if kept != {}], made)


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
