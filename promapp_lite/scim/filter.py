"""Filters: text to tree (RFC 7644 §3.4.2.2), and the tree against one value.

A tree is nested tuples: ("and" | "or", (tree, …)), ("not", tree), ("pr", path), (operator, path,
operand, sent) and ("value_path", path, tree) for `emails[type eq "work"]`, where the inner paths name
sub-attributes. An operand is text (folded where case does not count), a bool or a number; `sent`
is the same as it was written.

Beyond the RFC, as Entra sends it: `emails[type eq "work"].value eq "x"`, unquoted words as values,
and apostrophes for quotes.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from promapp_lite import clock
from promapp_lite.errors import ScimError
from promapp_lite.scim import limits
from promapp_lite.scim.body import check_marks, check_string
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource_types import NAME_RULE, Path, ResourceType, resolve
from promapp_lite.scim.schema import Attribute
from promapp_lite.text import fold

TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | '(?P<apostrophes>[^']*)'(?=[\s()\[\]]|$)
      | (?P<mark>[()\[\]])
      | (?P<word>[^\s()\[\]"]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?", re.ASCII)
TEXT_OPERATORS = ("co", "sw", "ew")
ORDER_OPERATORS = ("gt", "ge", "lt", "le")
OPERATORS = ("eq", "ne", *TEXT_OPERATORS, *ORDER_OPERATORS)
CONSTANTS = {"true": True, "false": False, "null": None}

Tree = tuple[Any, ...]
Resolver = Callable[[str], Path]
Fold = Callable[[str], str]


@lru_cache(1024)
def parse(kind: ResourceType, text: str) -> Tree:
    """The tree of a filter over resources of a kind; ScimError 400 invalidFilter says where it is wrong."""
    if len(text) > limits.FILTER:
        raise refuse("filter_too_long", most=limits.FILTER, sent=len(text))
    check_marks(text)
    return Parser(text, resource_resolver(kind)).parse()


@lru_cache(1024)
def parse_value(attribute: Attribute, text: str) -> Tree:
    """The tree of a filter over the values of a multi-valued attribute, as inside `[ ]`."""
    return Parser(text, value_resolver(attribute)).parse()


def resource_resolver(kind: ResourceType) -> Resolver:
    """Finds attributes of a resource; what is a wrong path elsewhere makes a wrong filter here."""

    def find(path: str) -> Path:
        try:
            return resolve(kind, path)
        except ScimError as error:
            raise refuse("filter_path", problem=error.detail) from None

    return find


def value_resolver(attribute: Attribute) -> Resolver:
    """Finds sub-attributes of `attribute`, as the paths inside its brackets do."""

    def find(path: str) -> Path:
        sub = attribute.sub(path)
        if not NAME_RULE.fullmatch(path):
            raise refuse("filter_sub_attribute", name=path, attribute=attribute.name)
        return Path(None, sub)

    return find


class Parser:
    """A recursive descent over the tokens of one filter: `or` binds weakest, then `and`, then `not`."""

    def __init__(self, text: str, find: Resolver) -> None:
        self.text = text
        self.find = find
        self.tokens = list(self.scan())
        self.position = 0
        self.terms = 0
        self.depth = 0
        self.inside = False

    def scan(self) -> Iterator[tuple[str, str]]:
        """(kind, text) of each token."""
        end, text = 0, self.text.rstrip()
        while end < len(text):
            match = TOKEN.match(text, end)
            if match is None:
                raise refuse("filter_text", text=text[end : end + 40])
            if match["apostrophes"] is not None:
                yield "string", json.dumps(match["apostrophes"])
            else:
                yield str(match.lastgroup), match[str(match.lastgroup)]
            end = match.end()

    def parse(self) -> Tree:
        tree = self.chain("or", lambda: self.chain("and", self.term))
        if self.position < len(self.tokens):
            raise refuse("filter_unexpected", token=self.tokens[self.position][1], filter=self.text)
        return tree

    def chain(self, word: str, inner: Callable[[], Tree]) -> Tree:
        """inner, or several of them joined by `and` or `or`."""
        parts = [inner()]
        while self.peek_word() == word:
            self.position += 1
            parts.append(inner())
        return parts[0] if len(parts) == 1 else (word, tuple(parts))

    def term(self) -> Tree:
        """One comparison, a group in parentheses, or `not` and a group."""
        word = self.peek_word()
        if word == "(":
            return self.enclosed(")")
        if word == "not" and self.peek_word(1) == "(":
            self.position += 1
            return ("not", self.enclosed(")"))
        return self.comparison()

    def enclosed(self, closing: str) -> Tree:
        """A filter between brackets, guarded against deep nesting."""
        self.depth += 1
        if self.depth > limits.FILTER_DEPTH:
            raise refuse("filter_too_deep", most=limits.FILTER_DEPTH)
        self.position += 1
        tree = self.chain("or", lambda: self.chain("and", self.term))
        if self.peek_word() != closing:
            raise refuse("filter_missing", token=closing, filter=self.text)
        self.position += 1
        self.depth -= 1
        return tree

    def comparison(self) -> Tree:
        """`path operator value`, `path pr` or `path[…]`."""
        self.terms += 1
        if self.terms > limits.TERMS:
            raise refuse("filter_too_many_terms", most=limits.TERMS)
        path = self.find(self.take("word", "an attribute"))
        if self.peek_word() == "[":
            return self.value_path(path)
        return self.compare(path)

    def value_path(self, path: Path) -> Tree:
        """`path[…]`, and Entra's `path[…].sub operator value`, which means both of one value."""
        if path.attribute is None or path.sub is not None or self.inside:
            raise refuse("filter_value_path", path=str(path), filter=self.text)
        outer, self.find, self.inside = self.find, value_resolver(path.leaf), True
        inner = self.enclosed("]")
        word = self.peek_word()
        if word.startswith(".") and len(word) > 1:
            sub = self.find(self.take("word", "a sub-attribute")[1:])
            inner = ("and", (inner, self.compare(sub)))
        self.find, self.inside = outer, False
        if path.leaf.complex and not path.leaf.multi_valued:
            return under(path, inner)
        return ("value_path", path, inner)

    def compare(self, path: Path) -> Tree:
        """The operator and operand behind a path."""
        operator = self.take("word", "an operator").lower()
        if path.attribute is None:
            raise refuse("filter_names_schema", path=str(path))
        if operator == "pr":
            return ("pr", path)
        if operator not in OPERATORS:
            raise refuse("filter_operator", operator=operator, filter=self.text)
        return comparable(operator, value_of(path), self.operand())

    def operand(self) -> Any:
        """The value of a comparison: JSON text, or an unquoted word (Entra's documentation shows both)."""
        if self.position >= len(self.tokens):
            raise refuse("filter_no_value", where="at the end", filter=self.text)
        kind, text = self.tokens[self.position]
        if kind == "mark":
            raise refuse("filter_no_value", where=f"before {text!r}", filter=self.text)
        self.position += 1
        if kind == "string":
            return self.unquote(text)
        return Unquoted(text)

    def unquote(self, text: str) -> str:
        """The text of a JSON string literal."""
        try:
            found = json.loads(text, strict=False)
            found.encode()
            check_string(found)
        except (ValueError, ScimError):
            raise refuse("filter_string", text=text[:40], filter=self.text) from None
        return str(found)

    def peek_word(self, ahead: int = 0) -> str:
        """The next token in lower case, "" at the end or before a quoted text."""
        position = self.position + ahead
        if position >= len(self.tokens) or self.tokens[position][0] == "string":
            return ""
        return self.tokens[position][1].lower()

    def take(self, kind: str, what: str) -> str:
        """The next token, which must be of that kind."""
        if self.position >= len(self.tokens) or self.tokens[self.position][0] != kind:
            raise refuse("filter_expected", what=what, filter=self.text)
        self.position += 1
        return self.tokens[self.position - 1][1]


def under(path: Path, tree: Tree) -> Tree:
    """The tree with its paths below `path`: of an attribute with one value `name[…]` means no more."""
    if tree[0] in ("and", "or"):
        return (tree[0], tuple(under(path, part) for part in tree[1]))
    if tree[0] == "not":
        return ("not", under(path, tree[1]))
    return (tree[0], path._replace(sub=tree[1].leaf), *tree[2:])


class Unquoted(str):
    """An operand written without quotes; true, false, null and numbers are meant so where they fit."""


def value_of(path: Path) -> Path:
    """A complex attribute compares by its `value` (RFC 7643 §2.4)."""
    if path.sub is None and path.leaf.complex:
        if "value" not in path.leaf.by_name:
            raise refuse("filter_complex", path=str(path), sub=path.leaf.sub_attributes[0].name)
        return path._replace(sub=path.leaf.sub("value"))
    return path


def comparable(operator: str, path: Path, operand: Any) -> Tree:
    """The comparison with its operand in the attribute's type; 400 where the operator has no meaning."""
    if isinstance(operand, Unquoted) and operand.lower() == "null":
        if operator not in ("eq", "ne"):
            raise refuse("filter_null", operator=operator)
        return ("not", ("pr", path)) if operator == "eq" else ("pr", path)
    leaf = path.leaf
    value = OPERANDS.get(leaf.type, text_operand)(leaf, operand)
    if operator in TEXT_OPERATORS and not isinstance(value, str):
        raise refuse("filter_not_text", operator=operator, path=str(path), operand=str(operand))
    if operator in ORDER_OPERATORS and (isinstance(value, bool) or leaf.type == "binary"):
        raise refuse("filter_no_order", path=str(path))
    return (operator, path, value, str(operand) if isinstance(value, str) else value)


def text_operand(leaf: Attribute, operand: str) -> str:
    """Folded where the attribute does not count case."""
    return str(operand) if leaf.case_exact else fold(operand)


def boolean_operand(leaf: Attribute, operand: str) -> bool:
    """true or false, quoted or not (Entra: `roles[primary eq "True"]`)."""
    value = CONSTANTS.get(operand.lower())
    if not isinstance(value, bool):
        raise refuse("filter_not_boolean", attribute=leaf.name, operand=str(operand))
    return value


def moment_operand(leaf: Attribute, operand: str) -> str:
    """A moment in the form it is kept in."""
    try:
        return clock.stamp(clock.moment(operand))
    except (ValueError, OverflowError):
        raise refuse("filter_not_datetime", attribute=leaf.name, operand=str(operand)) from None


def undeclared_operand(leaf: Attribute, operand: str) -> Any:
    """What an unquoted word looks like; a quoted text stays a text."""
    if not isinstance(operand, Unquoted):
        return fold(operand)
    if operand.lower() in CONSTANTS:
        return CONSTANTS[operand.lower()]
    if NUMBER.fullmatch(operand):
        return float(operand) if "." in operand else int(operand)
    return fold(operand)


OPERANDS: dict[str, Callable[[Attribute, str], Any]] = {
    "boolean": boolean_operand,
    "dateTime": moment_operand,
    "any": undeclared_operand,
}


def terms(tree: Tree) -> int:
    """How many comparisons a tree has."""
    if tree[0] in ("and", "or"):
        return sum(map(terms, tree[1]))
    return terms(tree[-1]) if tree[0] in ("not", "value_path") else 1


def names(tree: Tree, sub: str) -> bool:
    """Whether a comparison of the tree is on that sub-attribute."""
    if tree[0] in ("and", "or"):
        return any(names(part, sub) for part in tree[1])
    return names(tree[1], sub) if tree[0] == "not" else tree[1].leaf.name == sub


def matches(tree: Tree, value: Any, folded: Fold = fold) -> bool:
    """Whether one value of a multi-valued attribute (usually an object) passes a `parse_value` tree."""
    operator = tree[0]
    if operator == "and":
        return all(matches(part, value, folded) for part in tree[1])
    if operator == "or":
        return any(matches(part, value, folded) for part in tree[1])
    if operator == "not":
        return not matches(tree[1], value, folded)
    found = read(value, tree[1].leaf)
    if operator == "pr":
        return found is not None
    return compare(operator, tree[1].leaf, found, tree[2], folded)


def read(value: Any, leaf: Attribute) -> Any:
    """The sub-attribute of an element; a plain value counts as its own `value`."""
    if not isinstance(value, dict):
        return value if leaf.name.lower() == "value" else None
    if leaf.name in value:
        return value[leaf.name]
    return next((item for name, item in value.items() if name.lower() == leaf.name.lower()), None)


def compare(operator: str, leaf: Attribute, found: Any, operand: Any, folded: Fold = fold) -> bool:
    """One comparison; `ne` is the opposite of `eq`, also where there is nothing."""
    if operator == "ne":
        return not compare("eq", leaf, found, operand, folded)
    if isinstance(found, str) and not leaf.case_exact:
        found = folded(found)
    if isinstance(found, bool) is not isinstance(operand, bool) or not same_type(found, operand):
        return False
    return TESTS[operator](found, operand)


def same_type(one: Any, other: Any) -> bool:
    """Whether two values can be compared at all."""
    return (isinstance(one, str) and isinstance(other, str)) or (
        isinstance(one, int | float) and isinstance(other, int | float)
    )


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "co": lambda a, b: b in a,
    "sw": lambda a, b: a.startswith(b),
    "ew": lambda a, b: a.endswith(b),
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}
