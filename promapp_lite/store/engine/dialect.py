"""What each engine writes in its own way, named here and written when a statement is compiled for it.

`rows` names what `each` or `listed` yields: rows of a JSON list or object, by the alias they are given.
"""

from typing import Any

from peewee import ColumnBase, Context, Node, Select

from promapp_lite.store.engine import sqlite
from promapp_lite.store.engine.statement import param


class Phrase(ColumnBase):
    """An expression by the name of the function of the dialect that writes it."""

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name = name
        self.arguments = arguments

    def __sql__(self, ctx: Context) -> Context:
        written: Context = ctx.sql(getattr(ctx.state.dialect or sqlite, self.name)(*self.arguments))
        return written


def each(value: Any, names: tuple[str, ...] = ()) -> Phrase:
    """The values of the JSON list or object at that place in a document, as a source of rows."""
    return Phrase("each", value, names)


def listed(name: str, *columns: Any) -> Select:
    """The texts of a bind parameter that holds a JSON list, or columns made of its rows, named `given`."""
    return Select([each(param(name)).alias("given")], columns or (element("given"),))


def element(rows: str) -> Phrase:
    """The value of a row: a text, a number, or JSON."""
    return Phrase("element", rows)


def key(rows: str) -> Phrase:
    """The name of a row of an object, the number of a row of a list."""
    return Phrase("key", rows)


def item(rows: str, number: int) -> Phrase:
    """The value at that place of a row that is a list itself."""
    return Phrase("item", rows, number)


def is_type(rows: str, *types: str) -> Phrase:
    """Whether the value of a row is of one of these: object, list, string, number, true, false, null."""
    return Phrase("is_type", rows, types)


def extract(value: Any, names: tuple[str, ...]) -> Phrase:
    """The text, number or truth at that place in a document, null where there is none."""
    return Phrase("extract", value, names)


def as_object(rows: str, name: str = "") -> Phrase:
    """The value of a row as an object; what is none becomes one with that name, or an empty one."""
    return Phrase("as_object", rows, name)


def as_list(rows: str) -> Phrase:
    """The value of a row as a list; what is none becomes one with that one value."""
    return Phrase("as_list", rows)


def list_of(value: Any) -> Phrase:
    """An aggregate: the values of all rows as one JSON list."""
    return Phrase("list_of", value)


def folded(value: Any) -> Phrase:
    """A text as it is compared where letter case does not count (`text.fold`); other values as they are."""
    return Phrase("folded", value)


def contains(text: Any, part: Any) -> Phrase:
    """Whether a text holds another, by code points."""
    return Phrase("contains", text, part)


def by_code_point(text: Any) -> Phrase:
    """A text that is ordered by its code points, whatever the language of the database."""
    return Phrase("by_code_point", text)


def untrue(condition: Node) -> Phrase:
    """True where the condition is false or unknown."""
    return Phrase("untrue", condition)
