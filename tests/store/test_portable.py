"""Every statement is written for PostgreSQL too: what only SQLite has stands in its dialect alone."""

import importlib
import pkgutil
import re

import pytest
from helpers import PASSWORD
from peewee import PostgresqlDatabase, Query, fn

from promapp_lite import store as package
from promapp_lite.errors import UserError
from promapp_lite.scim import filter as filters
from promapp_lite.scim.resource_types import GROUPS, USERS
from promapp_lite.store.access import admins, sessions, setup, tokens
from promapp_lite.store.activity import auth_failures, cycles, entries, journal
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import indexes, people, resources, search, undelete
from promapp_lite.store.directory.filters import MODEL, Condition, keyed, ordering, params
from promapp_lite.store.engine import Statement, dialect

WORDS = (
    r"json_\w+\(", r"(fold|instr|strftime|ifnull|typeof)\(", "rowid", "INSERT OR", "REPLACE INTO", "GLOB",
    "sqlite_master", "PRAGMA", "VACUUM", "COLLATE (NOCASE|BINARY)", r"[vxsa]\.(key|value|type)\b",
)  # fmt: skip
ONLY_SQLITE = re.compile("|".join(rf"\b{word}" for word in WORDS), re.IGNORECASE)


class Stub:
    """A dialect whose words are functions of the same names."""

    def __getattr__(self, name):
        def write(*arguments):
            flat = [" ".join(map(str, each)) if isinstance(each, tuple) else each for each in arguments]
            return getattr(fn, f"stub_{name}")(*flat)

        return write


class Database(PostgresqlDatabase):
    """Writes SQL for PostgreSQL, and is never opened."""

    def get_context_options(self):
        return super().get_context_options() | {"dialect": Stub()}


POSTGRESQL = Database("nowhere")


def described(found, seen):
    """The queries and statements in a module's value, however nested."""
    if isinstance(found, Statement):
        yield found.query
    elif isinstance(found, Query):
        yield found
    elif isinstance(found, dict | list | tuple) and id(found) not in seen:
        seen.add(id(found))
        for each in found.values() if isinstance(found, dict) else found:
            yield from described(each, seen)


def module_level():
    """(name, query) of everything that is described once."""
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if ".migrations" in module.name:
            continue
        for name, found in vars(importlib.import_module(module.name)).items():
            for number, query in enumerate(described(found, set())):
                yield pytest.param(query, id=f"{module.name[19:]}.{name}.{number}")


def written(query):
    """The SQL of a query for PostgreSQL; a query of SQLite's alone fails."""
    sql, _ = POSTGRESQL.get_sql_context().sql(query).query()
    assert not ONLY_SQLITE.search(sql), sql
    return sql


@pytest.mark.parametrize("query", list(module_level()))
def test_statements(query):
    """Whatever is described at the top of a module."""
    assert written(query)


CALLER = Caller("POST", "/x", "127.0.0.1", token_id=1)
CALLS = {  # everything that builds its queries each time
    "admins": lambda store: (
        admins.create(store, "eve", PASSWORD),
        admins.set_password(store, "eve", "x"),
        admins.enable(store, "eve"),
        admins.disable(store, "eve"),
        admins.verify(store, "eve", PASSWORD),
    ),
    "sessions": lambda store: (
        visitor := sessions.find(store, sessions.begin(store, 1, None, None)),
        sessions.listed(store, visitor),
        sessions.end(store, visitor, 99),
    ),
    "set-up": lambda store: (
        store.database.execute_sql("DELETE FROM admin"),
        setup.use(store, setup.make(store), "eve", PASSWORD),
    ),
    "tokens": lambda store: (
        tokens.create(store, "t", "scim", 1, 1),
        tokens.listed(store),
        tokens.revoke(store, 1),
    ),
    "refused tokens": lambda store: [
        auth_failures.AuthFailures(store).take(CALLER, secret, 0) for secret in (None, "x")
    ],
    "cycles": lambda store: (
        cycles.last(store),
        cycles.one(store, 1),
        cycles.worked(store, 9, 9),
        cycles.days(store, 9),
        cycles.milestones(store),
    ),
    "people": lambda store: (
        *(people.listed(store, show, text) for show in people.SHOWN for text in ("", "ann")),
        people.counts(store),
        people.members(store, "x", "", 9),
        people.name_of(store, "x"),
    ),
    "pruning": lambda store: journal.prune(store, 9),
    "indexes": lambda store: (
        store.searches.update({("User", "title"): 1}),
        indexes.write_counts(store),
        indexes.undeclared(store),
    ),
    "undelete": lambda store: pytest.raises(UserError, undelete.restore, store, 1, CALLER),
}


@pytest.mark.parametrize("name", CALLS)
def test_cold_queries(store, monkeypatch, name):
    """Whatever is built when it is needed."""
    seen = []
    for database in (store.database, store.writer):
        execute = database.execute
        monkeypatch.setattr(database, "execute", lambda query, run=execute: seen.append(query) or run(query))
    CALLS[name](store)
    assert [written(query) for query in seen]


FILTERS = {
    USERS: [
        *(
            f'{path} {operator} "x"'
            for path in (
                "userName",
                "title",
                "emails",
                "emails.value",
                "nobody",
                "urn:x:y:z",
                "meta.location",
            )
            for operator in ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
        ),
        *(f"{path} pr" for path in ("meta", "title", "emails", "nobody", "groups", "x509Certificates")),
        *(f"nobody {operator} 7" for operator in ("eq", "ne", "gt")),
        *(f"{path} eq true" for path in ("active", "nobody", "emails.primary")),
        "externalId eq null",
        'emails[type eq "work" and not (value co "@")]',
        'emails[type eq "work"].value eq "x"',
        'groups.display eq "x"',
        'groups[type eq "direct" and value eq "x"]',
        'userName eq "x" and groups.value eq "y"',
        'not (userName eq "x" or title pr) and meta.created gt "2026-01-01"',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "1"',
    ],
    GROUPS: ['displayName sw "x"', 'members eq "x"', 'members[type eq "User" or display ew "x"]'],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in FILTERS for text in FILTERS[kind]])
def test_filters(kind, text):
    """Each shape of filter, listed and counted."""
    tree = filters.parse(kind, text)
    assert params(tree) is not None
    condition = Condition(kind, keyed(tree)).build(tree)
    assert "WHERE" in written(MODEL[kind].select(MODEL[kind].seq).where(condition))


@pytest.mark.parametrize(
    "path", ["userName", "title", "emails", "emails.value", "active", "nobody", "meta.created"]
)
def test_orders(path):
    """Each kind of attribute to order by."""
    order = ordering(USERS, filters.resolve(USERS, path), True)
    assert "ORDER BY" in written(MODEL[USERS].select(MODEL[USERS].seq).order_by(*order))


def test_made_as_needed():
    """Statements made for a page, a search, or a combination of filters."""
    for kind in (USERS, GROUPS):
        for cursor in (False, True):
            written(resources.listing(kind, resources.Shape(None), None, cursor).query)
            written(resources.nth(kind, cursor).query)
        written(resources.counting(kind, resources.Shape(None)).query)
    for kind, query, position, _ in people.LISTS.values():
        written(search.finding(kind, ["a", "b"], query, position))
    for who in (False, True):
        written(entries.listing(who, "create", "failed", True, True).query)


def test_it_would_be_noticed():
    """SQLite's own words are found where a statement speaks them by itself."""
    for word in (fn.json_extract("{}", "$"), fn.instr("a", "b") > 0, fn.fold(MODEL[USERS].id)):
        with pytest.raises(AssertionError):
            written(MODEL[USERS].select(word))


def test_the_order_of_text_is_stated():
    """What compares texts by order says by which order, as a database's own may be a language's."""
    for path in ("userName", "title"):
        tree = filters.parse(USERS, f'{path} gt "x"')
        assert "stub_by_code_point" in written(
            MODEL[USERS].select(MODEL[USERS].seq).where(Condition(USERS).build(tree))
        )
    assert "stub_by_code_point" in written(search.finding("User", ["a"], *people.LISTS["people"][1:3]))
    assert dialect.by_code_point(1).name == "by_code_point"
