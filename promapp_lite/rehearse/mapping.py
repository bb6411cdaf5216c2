"""Attribute mapping: from what Entra knows of somebody to what the target shall hold."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from promapp_lite.rehearse import scope
from promapp_lite.rehearse.protocol import paths
from promapp_lite.text import decoded

ENTERPRISE = paths.ENTERPRISE
REFERENCES = ("manager", "members")
ACTIVE = 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'

# (source expression, target path, matching precedence), as the portal fills in for a custom app
USERS = (
    ("userPrincipalName", "userName", 1),
    (ACTIVE, "active", 0),
    ("displayName", "displayName", 0),
    ("jobTitle", "title", 0),
    ("mail", 'emails[type eq "work"].value', 0),
    ("preferredLanguage", "preferredLanguage", 0),
    ("givenName", "name.givenName", 0),
    ("surname", "name.familyName", 0),
    ('Join(" ", [givenName], [surname])', "name.formatted", 0),
    ("physicalDeliveryOfficeName", 'addresses[type eq "work"].formatted', 0),
    ("streetAddress", 'addresses[type eq "work"].streetAddress', 0),
    ("city", 'addresses[type eq "work"].locality', 0),
    ("state", 'addresses[type eq "work"].region', 0),
    ("postalCode", 'addresses[type eq "work"].postalCode', 0),
    ("country", 'addresses[type eq "work"].country', 0),
    ("telephoneNumber", 'phoneNumbers[type eq "work"].value', 0),
    ("mobile", 'phoneNumbers[type eq "mobile"].value', 0),
    ("facsimileTelephoneNumber", 'phoneNumbers[type eq "fax"].value', 0),
    ("mailNickname", "externalId", 0),
    ("employeeId", f"{ENTERPRISE}:employeeNumber", 0),
    ("department", f"{ENTERPRISE}:department", 0),
    ("manager", f"{ENTERPRISE}:manager", 0),
)
GROUPS = (
    ("displayName", "displayName", 1),
    ("objectId", "externalId", 0),
    ("members", "members", 0),
)

Values = Mapping[str, Any]
Expression = Callable[[Values], str | None]
TOKEN = re.compile(r'\s*(?:(?P<call>\w+)\(|\[(?P<attribute>\w+)\]|"(?P<text>[^"]*)"|(?P<mark>[,)]))')


class MappingError(ValueError):
    """A mapping that cannot be read; the text says where."""


def join(separator: str | None, *parts: str | None) -> str | None:
    """Entra's Join: the parts that are there, with the separator between; None when none is."""
    there = [part for part in parts if part]
    return (separator or "").join(there) if there else None


def switch(value: str | None, default: str | None, *pairs: str | None) -> str | None:
    """Entra's Switch: the value that stands after the key equal to `value`, else the default."""
    return dict(zip(pairs[::2], pairs[1::2], strict=True)).get(value, default)


FUNCTIONS: dict[str, Callable[..., str | None]] = {
    "Append": lambda text, suffix: text + (suffix or "") if text else None,
    "Coalesce": lambda *parts: next((part for part in parts if part), None),
    "Join": join,
    "Switch": switch,
    "ToLower": lambda text: text.lower() if text else None,
    "ToUpper": lambda text: text.upper() if text else None,
}


def compile_expression(text: str) -> Expression:
    """An expression (attribute name, constant or function call) as a function of the values."""
    if re.fullmatch(r"\w+", text):
        return lambda values: values.get(text)
    expression, rest = read_term(text, text)
    if rest.strip():
        raise MappingError(f"cannot read {rest.strip()!r} in the expression {text}")
    return expression


def read_term(rest: str, whole: str) -> tuple[Expression, str]:
    """One term from the front of `rest`, and what follows it."""
    token = TOKEN.match(rest)
    if not token or token["mark"]:
        raise MappingError(f"cannot read the expression {whole}")
    rest = rest[token.end() :]
    if token["call"]:
        return read_call(token["call"], rest, whole)
    if token["attribute"]:
        name = token["attribute"]
        return (lambda values: values.get(name)), rest
    constant = token["text"]
    return (lambda values: constant), rest


def read_call(name: str, rest: str, whole: str) -> tuple[Expression, str]:
    """A call whose opening bracket has been read; an argument left empty is None."""
    if name not in FUNCTIONS:
        raise MappingError(f"unknown function {name} in the expression {whole}")
    arguments: list[Expression] = []
    while True:
        rest = rest.lstrip()
        empty = rest[:1] in (",", ")")
        term, rest = (nothing, rest) if empty else read_term(rest, whole)
        arguments.append(term)
        mark, rest = rest.lstrip()[:1], rest.lstrip()[1:]
        if mark == ")":
            return bound(FUNCTIONS[name], arguments), rest
        if mark != ",":
            raise MappingError(f"a bracket is not closed in the expression {whole}")


def nothing(values: Values) -> None:
    """An argument left empty."""


def bound(call: Callable[..., str | None], arguments: list[Expression]) -> Expression:
    """The call of a function on what its arguments give."""
    return lambda values: call(*(each(values) for each in arguments))


class Rule(NamedTuple):
    """One row of the mapping: where a value comes from, where it goes, and when."""

    source: str
    target: str
    matching: int
    default: str | None
    on_create: bool
    value: Expression

    @property
    def reference(self) -> bool:
        """Whether the row refers to other objects and is therefore sent last."""
        return self.source in REFERENCES


def rule(
    source: str, target: str, matching: int = 0, default: str | None = None, apply: str = "always"
) -> Rule:
    """A checked row; MappingError when source, target or `apply` cannot be read."""
    if apply not in ("always", "create"):
        raise MappingError(f'apply is "always" or "create", not {apply!r}')
    try:
        paths.parse(target)
        expression = compile_expression(source)
    except ValueError as error:
        raise MappingError(str(error)) from None
    return Rule(source, target, matching, default, apply == "create", expression)


@dataclass(frozen=True)
class Table:
    """The rows for people and for groups, and the scoping filters that go with them."""

    users: tuple[Rule, ...] = tuple(rule(*row) for row in USERS)
    groups: tuple[Rule, ...] = tuple(rule(*row) for row in GROUPS)
    user_filters: tuple[scope.Filter, ...] = ()
    group_filters: tuple[scope.Filter, ...] = ()


def desired(rules: tuple[Rule, ...], values: Values, creating: bool = False) -> dict[str, str]:
    """Target path → value for all but references; what is null in the source is not there."""
    found: dict[str, str] = {}
    for each in rules:
        if each.reference or (each.on_create and not creating):
            continue
        value = each.value(values) or each.default
        if value:
            found[each.target] = value
    return found


def matchers(rules: tuple[Rule, ...]) -> list[Rule]:
    """The rows that find an object in the target, in their order of precedence."""
    return sorted((each for each in rules if each.matching), key=lambda each: each.matching)


def reference(rules: tuple[Rule, ...]) -> str | None:
    """The target path of the reference row (manager, members), None when it is not mapped."""
    return next((each.target for each in rules if each.reference), None)


READERS: dict[str, Callable[[str], Any]] = {".json": json.loads, ".toml": tomllib.loads}


def load(file: Path) -> Table:
    """The mapping a TOML or JSON file describes; what it leaves out stays as by default."""
    reader = READERS.get(file.suffix.lower())
    if not reader:
        raise MappingError(f"{file.name}: a mapping file ends in .toml or .json")
    try:
        return build(reader(decoded(file.read_bytes())))
    except (ValueError, TypeError, AttributeError) as error:
        raise MappingError(f"{file.name}: {error}") from None


def build(document: dict[str, Any]) -> Table:
    """A mapping from a document with the keys users, groups and filters."""
    unknown = set(document) - {"users", "groups", "filters"}
    if unknown:
        raise MappingError(f"unknown key {sorted(unknown)[0]}; there are users, groups, filters")
    default, filters = Table(), document.get("filters", {})
    users = tuple(rule(**row) for row in document.get("users", ())) or default.users
    groups = tuple(rule(**row) for row in document.get("groups", ())) or default.groups
    for kind, rules in (("users", users), ("groups", groups)):
        if not matchers(rules):
            raise MappingError(f"{kind}: no row has a matching precedence")
    return Table(
        users,
        groups,
        *(tuple(scope.parse(text) for text in filters.get(kind, ())) for kind in ("users", "groups")),
    )
