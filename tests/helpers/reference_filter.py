"""A slow, plain reading of RFC 7644 §3.4.2 over resources as GET returns them: what SQL has to agree with.

It shares no code with promapp_lite. Logic is two-valued: what is absent equals nothing, so `ne` and `not`
hold for it. A text written bare is a boolean or a number where it looks like one.
"""

import json
import re
import unicodedata
from datetime import UTC, datetime

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = ("urn:ietf:params:scim:schemas:core:2.0:User:", "urn:ietf:params:scim:schemas:core:2.0:Group:")
EXACT = {
    *("id", "externalid", "schemas", "profileurl", "meta.resourcetype", "meta.location", "meta.version"),
    *("photos.value", "x509certificates.value", "groups.value", "groups.$ref"),
    *("members.value", "members.$ref", "manager.value", "manager.$ref"),
}
MOMENTS = {"meta.created", "meta.lastmodified"}
BOOLEANS = {"active", "emails.primary", "roles.primary", "phonenumbers.primary", "addresses.primary"}
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]"]+')
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


class Bare(str):
    """A value written without quotes."""


def fold(text):
    """The text as a reader compares it who does not count case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def parse(text):
    """The tree of a filter: and, or, not over terms; ("has", path, tree) and (operator, path, operand)."""
    tokens = TOKEN.findall(text)
    tree = joined("or", tokens)
    assert tokens == [], text
    return tree


def joined(word, tokens):
    """Terms joined by `or`, or by `and`, which binds closer."""
    parts = [inner(word, tokens)]
    while tokens and tokens[0].lower() == word:
        tokens.pop(0)
        parts.append(inner(word, tokens))
    return parts[0] if len(parts) == 1 else (word, *parts)


def inner(word, tokens):
    """What stands between the words."""
    return joined("and", tokens) if word == "or" else term(tokens)


def term(tokens):
    """One term: a group, a negated group, a value path or a comparison."""
    if tokens[0] == "(":
        return bracketed(tokens)
    path = tokens.pop(0)
    if path.lower() == "not":
        return ("not", bracketed(tokens))
    if tokens[0] != "[":
        return compared(path, tokens)
    tree = bracketed(tokens)
    if tokens and tokens[0].startswith("."):
        tree = ("and", tree, compared(tokens.pop(0)[1:], tokens))
    return ("has", path, tree)


def bracketed(tokens):
    """A filter between brackets."""
    tokens.pop(0)
    tree = joined("or", tokens)
    tokens.pop(0)
    return tree


def compared(path, tokens):
    """A comparison behind its path."""
    operator = tokens.pop(0).lower()
    if operator == "pr":
        return ("pr", path)
    word = tokens.pop(0)
    return (operator, path, json.loads(word) if word[0] == '"' else Bare(word))


def holds(tree, scope, prefix=""):
    """Whether the tree holds for a resource, or for one value of the attribute `prefix`."""
    operator = tree[0]
    if operator == "and":
        return all(holds(part, scope, prefix) for part in tree[1:])
    if operator == "or":
        return any(holds(part, scope, prefix) for part in tree[1:])
    if operator == "not":
        return not holds(tree[1], scope, prefix)
    if operator == "has":
        elements, name = reach(scope, tree[1])
        return any(holds(tree[2], each, f"{name}.") for each in elements)
    found, name = reach(scope, tree[1])
    if operator == "pr":
        return bool(found)
    if tree[2] == "null" and isinstance(tree[2], Bare):
        return bool(found) is (operator == "ne")
    if operator == "ne":
        return not holds(("eq", *tree[1:]), scope, prefix)
    return any(passes(operator, value, tree[2], at) for value, at in leaves(found, prefix + name))


def reach(scope, path):
    """The values a path leads to, lists opened, and the path without its URN in lower case."""
    for core in CORE:
        if path.lower().startswith(core.lower()):
            path = path[len(core) :]
    holder, qualified = scope, path.lower().startswith("urn:")
    if qualified:
        holder, path = extension(scope, path)
    names = path.lower().split(".")
    found = member(holder, names[0])
    if not found and not qualified:
        found = member(next(iter(member(scope, ENTERPRISE.lower())), {}), names[0])
    for name in names[1:]:
        found = [item for each in found for item in member(each, name)]
    return found, ".".join(names)


def extension(scope, path):
    """The extension object a qualified path is in, and the rest of the path."""
    for key, value in scope.items():
        if path.lower().startswith(key.lower() + ":"):
            return value, path[len(key) + 1 :]
    return {}, path.rpartition(":")[2]


def member(holder, name):
    """The values under a name, compared without case; a plain value is its own `value`."""
    if not isinstance(holder, dict):
        return [holder] if name == "value" else []
    for key, value in holder.items():
        if key.lower() == name:
            return value if isinstance(value, list) else [value]
    return []


def leaves(found, name):
    """The values to compare, each with its full name: a complex one compares by its `value`."""
    for value in found:
        if isinstance(value, dict):
            yield from ((item, f"{name}.value") for item in member(value, "value"))
        else:
            yield value, name


def passes(operator, value, operand, name):
    """One comparison of two plain values, false where their types differ."""
    if name in MOMENTS:
        value, operand = moment(value), moment(operand)
    elif name in BOOLEANS:
        operand = operand.lower() == "true"
    elif isinstance(operand, Bare):
        operand = literal(operand)
    if kind_of(value) != kind_of(operand):
        return False
    if isinstance(value, str) and name not in EXACT:
        value, operand = fold(value), fold(operand)
    return TESTS[operator](value, operand)


def literal(word):
    """What a bare word looks like."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    return float(word) if NUMBER.fullmatch(word) else str(word)


def kind_of(value):
    """Text, truth, number or moment; a boolean is no number."""
    return next(each for each in (bool, int | float, str, datetime, object) if isinstance(value, each))


def moment(text):
    """A moment in UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


TESTS = {
    "eq": lambda a, b: a == b,
    "co": lambda a, b: b in a,
    "sw": lambda a, b: a.startswith(b),
    "ew": lambda a, b: a.endswith(b),
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


def matching(resources, text):
    """The ids of the resources a filter finds, in their order."""
    tree = parse(text)
    return [each["id"] for each in resources if holds(tree, each)]


def ordered(resources, path, descending):
    """The ids by an attribute (RFC 7644 §3.4.2.3): absent last, or first descending; ties as they were."""
    keyed = [(each["id"], order_key(each, path)) for each in resources]
    there = [pair for pair in keyed if pair[1] is not None]
    there.sort(key=lambda pair: pair[1], reverse=descending)
    absent = [pair for pair in keyed if pair[1] is None]
    return [id for id, _ in (absent + there if descending else there + absent)]


def order_key(resource, path):
    """What a resource is ordered by: of several values the primary one, else the first."""
    top, _, sub = (path, "", "") if path.startswith("urn:") else path.partition(".")
    found, name = reach(resource, top)
    value = next((each for each in found if isinstance(each, dict) and each.get("primary") is True), None)
    value = value or next(iter(found), None)
    if isinstance(value, dict):
        value, name = (
            next(iter(member(value, sub.lower() or "value")), None),
            f"{name}.{sub.lower() or 'value'}",
        )
    return fold(value) if isinstance(value, str) and name not in EXACT else value


def projected(resource, attributes=(), excluded=()):
    """The resource cut to `attributes`, or without `excluded` (RFC 7644 §3.9): plain names and subs only."""
    kept = resource
    if attributes:
        kept = {"schemas": resource["schemas"], "id": resource["id"]}
        for path in attributes:
            pick(resource, path, kept)
    for path in excluded:
        kept = without(kept, path)
    return kept


def pick(resource, path, kept):
    """Copy what one path names into `kept`, beside what other paths have put there."""
    name, _, sub = path.partition(".")
    for key, value in resource.items():
        if key.lower() == name.lower():
            kept[key] = cut(value, sub, kept.get(key)) if sub else value


def cut(value, sub, before=None):
    """One sub-attribute of a value, or of each of several, beside what was cut out before."""
    if isinstance(value, list):
        return [cut(each, sub, old) for each, old in zip(value, before or [None] * len(value), strict=True)]
    return (before or {}) | {key: item for key, item in value.items() if key.lower() == sub.lower()}


def without(resource, path):
    """The resource without what one path names, but for `id` and `schemas`."""
    name, _, sub = path.partition(".")
    if name.lower() in ("id", "schemas"):
        return resource
    if not sub:
        return {key: value for key, value in resource.items() if key.lower() != name.lower()}
    return {
        key: bare(value, sub) if key.lower() == name.lower() else value for key, value in resource.items()
    }


def bare(value, sub):
    """A value, or each of several, without one sub-attribute."""
    if isinstance(value, list):
        return [bare(each, sub) for each in value]
    return {key: item for key, item in value.items() if key.lower() != sub.lower()}
