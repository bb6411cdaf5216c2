"""Indexes made when they are asked for: an admin may match people by any attribute, employeeNumber for one.

Without one, each look-up reads everybody: 300 ms with 100,000 people, and a cycle looks up everybody.
"""

import contextlib

from promapp_lite.scim.filter import Tree
from promapp_lite.scim.schema import Kind, Path
from promapp_lite.store.directory.filters import COLUMNS, MODEL, extracted
from promapp_lite.store.engine import DB_ERRORS, Statement, Store

ASKED = 5  # times that an attribute is searched by before it is worth an index
MOST = 4  # each costs every write a little
PREFIX = "asked_"
MADE = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND name LIKE 'asked\\_%' ESCAPE '\\'"


def note(store: Store, kind: Kind, tree: Tree) -> None:
    """Somebody searches so: at the fifth time make the index that helps."""
    for path in without_column(kind, tree):
        name = f"{PREFIX}{kind.name}_{path}"
        store.asked[name] += 1
        if store.asked[name] == ASKED:
            with (
                contextlib.suppress(*DB_ERRORS),
                store.write(),
            ):  # without it the search takes longer, that is all
                make(store, kind, path, name)


def without_column(kind: Kind, tree: Tree) -> list[Path]:
    """The single attributes of the table that every match has to equal and that have no column."""
    terms = tree[1] if tree[0] == "and" else (tree,)
    paths = [term[1] for term in terms if term[0] == "eq" and isinstance(term[2], str)]
    return [path for path in paths if str(path) not in COLUMNS[kind] and plain(path)]


def plain(path: Path) -> bool:
    """Whether it is one value that the table knows and that is shown."""
    return not (path.top.multi or path.top.free or path.leaf.free or path.leaf.returned == "never")


def make(store: Store, kind: Kind, path: Path, name: str) -> None:
    """Make the index, unless there are enough; call it inside a transaction."""
    if store.writer.execute_sql(MADE).fetchone()[0] < MOST:
        model = MODEL[kind]
        store.run(Statement(model.index(extracted(model.doc, path), name=name, safe=True)))
