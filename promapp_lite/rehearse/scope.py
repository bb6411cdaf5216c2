"""Who is in scope: assignment, and scoping filters (AND within a filter, OR between them)."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Values = Mapping[str, Any]


def number(text: str | None) -> float:
    """The text as a number; NaN, which no comparison holds for, when it is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


# The operators of Entra's scoping filters; texts compare exactly, as there.
OPERATORS: dict[str, Callable[[str | None, str], bool]] = {
    "IS NOT NULL": lambda found, value: bool(found),
    "IS NULL": lambda found, value: not found,
    "IS TRUE": lambda found, value: found == "True",
    "IS FALSE": lambda found, value: found == "False",
    "NOT EQUALS": lambda found, value: found != value,
    "EQUALS": lambda found, value: found == value,
    "NOT REGEX MATCH": lambda found, value: not re.fullmatch(value, found or ""),
    "REGEX MATCH": lambda found, value: bool(re.fullmatch(value, found or "")),
    "GREATER_THAN_OR_EQUALS": lambda found, value: number(found) >= number(value),
    "GREATER_THAN": lambda found, value: number(found) > number(value),
    "INCLUDES": lambda found, value: value in (found or ""),
}
CLAUSE = re.compile(
    rf"\s*(?P<attribute>\w+)\s+(?P<operator>{'|'.join(OPERATORS)})(?:\s+(?P<value>.*?))?\s*",
    re.IGNORECASE,
)


class Clause(NamedTuple):
    """One condition on one source attribute."""

    attribute: str
    operator: str
    value: str

    def holds(self, values: Values) -> bool:
        """Whether an object with these source values fulfils the condition."""
        return OPERATORS[self.operator](values.get(self.attribute), self.value)


Filter = tuple[Clause, ...]


def parse(text: str) -> Filter:
    """`department EQUALS Sales AND country EQUALS NZ` as clauses; ValueError when it is not so."""
    return tuple(clause(part) for part in re.split(r"\s+AND\s+", text, flags=re.IGNORECASE))


def clause(text: str) -> Clause:
    """One clause; ValueError names the operators when it has none of them."""
    found = CLAUSE.fullmatch(text)
    if not found:
        raise ValueError(f"not a scoping clause: {text!r}; operators: {', '.join(OPERATORS)}")
    operator, value = found["operator"].upper(), found["value"] or ""
    if "REGEX" in operator:
        check_pattern(value)
    if bool(value) == operator.startswith("IS "):
        raise ValueError(f"{operator} {'takes no' if value else 'needs a'} value: {text!r}")
    return Clause(found["attribute"], operator, value)


def check_pattern(value: str) -> None:
    """ValueError when the value is not a regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {value!r} ({error})") from None


def passes(filters: Iterable[Filter], values: Values) -> bool:
    """Whether one filter holds with all its clauses; without filters everybody passes."""
    listed = list(filters)
    return not listed or any(all(each.holds(values) for each in one) for one in listed)
