"""Declared indexes: for attributes that people are matched by and that have no column.

Without one each look-up reads every user, 300 ms with 100,000, and a cycle looks up every user. Each slows
every write a little, so they are declared in the settings and never created by a search. Searches that lack
one are counted, for `doctor`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from peewee import fn

from promapp_lite import jsonio
from promapp_lite.errors import ScimError, UserError
from promapp_lite.scim.filter import Tree
from promapp_lite.scim.resource_types import RESOURCE_TYPES, Path, ResourceType, resolve
from promapp_lite.store.directory.filters import COLUMNS, MODEL, extracted
from promapp_lite.store.engine import Store
from promapp_lite.store.models import SearchCount

PREFIX = "declared_"
OLD_PREFIX = "asked_"  # of those that searches made
MANY = 100  # searches in a day that are worth an index
DAYS = 7  # that searches stay counted


class Undeclared(NamedTuple):
    """An attribute searched often without an index: the number of searches, and the setting to add."""

    path: str
    searches: int
    setting: str


def wanted(names: Iterable[str]) -> dict[str, tuple[ResourceType, Path]]:
    """The declared indexes by name; UserError for what is no single-valued attribute of a schema."""
    found: dict[str, tuple[ResourceType, Path]] = {}
    for name in names:
        places = [(kind, path) for kind in RESOURCE_TYPES if (path := indexable(kind, name))]
        if not places:
            raise UserError(
                f"index: {name!r} is not a single-valued attribute of a known schema. Use one such as "
                f"employeeNumber or title."
            )
        found |= {
            f"{PREFIX}{kind.name}_{path}": (kind, path)
            for kind, path in places
            if str(path) not in COLUMNS[kind]
        }
    return found


def indexable(kind: ResourceType, name: str) -> Path | None:
    """The attribute of that name where it is one value that a schema knows and that is shown."""
    try:
        path = resolve(kind, name)
    except ScimError:
        return None
    return path if path.attribute is not None and plain(path) else None


def plain(path: Path) -> bool:
    """Whether it is one value that a schema knows and that is shown."""
    known = not (path.top.multi_valued or path.top.undeclared or path.leaf.undeclared)
    return known and path.leaf.type != "complex" and path.leaf.returned != "never"


def declare(store: Store, indexes: dict[str, tuple[ResourceType, Path]]) -> None:
    """Make the indexes that are not there, and drop those that are declared no longer."""
    held = store.index_names(PREFIX) | store.index_names(OLD_PREFIX)
    if held == indexes.keys():
        return
    with store.write():
        for name in held - indexes.keys():
            store.drop_index(name)
        for name in indexes.keys() - held:
            kind, path = indexes[name]
            store.execute(MODEL[kind].index(extracted(MODEL[kind].doc, path), name=name, safe=True))


def declared(store: Store) -> list[str]:
    """The attributes that have a declared index."""
    return attributes(store.index_names(PREFIX))


def attributes(names: Iterable[str]) -> list[str]:
    """The attributes that declared indexes of these names are for."""
    found = {name.removeprefix(PREFIX).partition("_")[2] for name in names}
    return sorted(each for each in found if any(indexable(kind, each) for kind in RESOURCE_TYPES))


def note(store: Store, kind: ResourceType, tree: Tree) -> None:
    """Count a search, in memory; `write_counts` keeps it."""
    for path in without_column(kind, tree):
        store.searches[kind.name, str(path)] += 1


def without_column(kind: ResourceType, tree: Tree) -> list[Path]:
    """The single attributes of a schema that every match has to equal and that have no column."""
    terms = tree[1] if tree[0] == "and" else (tree,)
    paths = [term[1] for term in terms if term[0] == "eq" and isinstance(term[2], str)]
    return [path for path in paths if str(path) not in COLUMNS[kind] and plain(path)]


def write_counts(store: Store) -> None:
    """Keep what was counted since the last time, where all processes count; DB_ERRORS where it cannot be."""
    if not store.searches:
        return
    counted, day = dict(store.searches), f"{datetime.now(UTC):%Y-%m-%d}"
    store.searches.clear()
    with store.write():
        for (resource_type, path), searches in counted.items():
            add(store, day, resource_type, path, searches)
        old = f"{datetime.now(UTC) - timedelta(days=DAYS):%Y-%m-%d}"
        store.execute(SearchCount.delete().where(SearchCount.day < old))


def add(store: Store, day: str, resource_type: str, path: str, searches: int) -> None:
    """Count so many more searches."""
    key = {"day": day, "resource_type": resource_type, "path": path}
    store.execute(
        SearchCount.insert(**key, searches=searches).on_conflict(
            conflict_target=[SearchCount.day, SearchCount.resource_type, SearchCount.path],
            update={SearchCount.searches: SearchCount.searches + searches},
        )
    )


def undeclared(store: Store) -> list[Undeclared]:
    """What was searched by more than MANY times in a day and has no index, the most frequent first."""
    have = declared(store)
    most = fn.MAX(SearchCount.searches)
    query = SearchCount.select(SearchCount.path, most).group_by(SearchCount.path).having(most > MANY)
    return [
        Undeclared(path, searches, f"index = {jsonio.dumps([*have, path])}")
        for path, searches in store.select(query.order_by(most.desc(), SearchCount.path))
        if path not in have
    ]
