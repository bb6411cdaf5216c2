"""Declared indexes: found by any attribute as quickly as by userName; no search makes one."""

import sqlite3

import pytest

from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.ops import conditions
from promapp_lite.store import opening
from promapp_lite.store.directory import indexes
from promapp_lite.store.engine import sqlite
from promapp_lite.store.snapshots import backup

NUMBER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"


@pytest.fixture
def people(send):
    """Three people with a title and a number."""
    made = []
    for name, title in (("ada", "Countess"), ("grace", "Admiral"), ("jean", "ADMIRAL")):
        body = {"userName": name, "title": title, NUMBER: str(len(made))}
        made.append(send("POST", "/Users", body).json["id"])
    return made


@pytest.fixture
def declare(store):
    """declare(name, …): the folder is opened with these declared, as `serve` does."""
    return lambda *names: opening.open_store(store.path.parent, names).close()


def found(send, filter, path="/Users"):
    """The userNames that a filter finds."""
    answer = send("GET", f"{path}?filter={filter.replace(' ', '+')}")
    assert answer.status == 200, answer.json
    return [each.get("userName") or each["displayName"] for each in answer.json["Resources"]]


def plan(store, monkeypatch, send, filter):
    """How SQLite goes about a search."""
    seen = []
    run = store.database.execute_sql
    monkeypatch.setattr(
        store.database, "execute_sql", lambda sql, held=None: seen.append((sql, held)) or run(sql, held)
    )
    found(send, filter)
    monkeypatch.undo()
    sql, held = next(each for each in seen if "LIMIT" in each[0])
    fresh = sqlite.read_only(store.path)  # else a plan from before is told
    with fresh.connection_context():
        return " ".join(row[3] for row in fresh.execute_sql("EXPLAIN QUERY PLAN " + sql, held))


@pytest.mark.parametrize(
    ("name", "filter"),
    [
        ("title", 'title eq "admiral"'),
        (NUMBER, f'{NUMBER} eq "1"'),
        ("employeeNumber", 'employeeNumber eq "1" and active eq true'),
        ("manager.value", 'manager eq "x"'),
    ],
)
def test_a_declared_attribute_is_found_by_its_index(store, people, send, declare, monkeypatch, name, filter):
    """Without it everybody is read, with it the index is used, with the same answer."""
    before = found(send, filter)
    assert "declared_" not in plan(store, monkeypatch, send, filter)
    declare(name)
    assert "USING INDEX declared_" in plan(store, monkeypatch, send, filter)
    assert found(send, filter) == before


def test_it_follows_changes(people, send, declare):
    """What is written later is found by the index: new, changed, gone, whatever the letter case."""
    declare("title")
    assert found(send, 'title eq "ADMIRAL"') == ["grace", "jean"]
    send("PATCH", f"/Users/{people[1]}", {"Operations": [{"op": "remove", "path": "title"}]})
    send("POST", "/Users", {"userName": "zoë", "title": "Ädmiral"})
    send("POST", "/Users", {"userName": "new", "title": "admiral"})
    send("DELETE", f"/Users/{people[2]}")
    assert found(send, 'title eq "Admiral"') == ["new"]
    assert found(send, 'title eq "äDMIRAL"') == ["zoë"]
    assert found(send, 'not (title eq "Admiral")') == ["ada", "grace", "zoë"]


def test_what_is_declared_is_what_there_is(store, declare):
    """What is declared no longer is dropped; commands that declare nothing leave all as it is."""
    declare("title", "employeeNumber")
    assert indexes.declared(store) == ["title", NUMBER]
    opening.open_store(store.path.parent).close()
    assert indexes.declared(store) == ["title", NUMBER]
    declare("title")
    assert indexes.declared(store) == ["title"]
    declare()
    assert indexes.declared(store) == []


def test_those_that_searches_made_once_go(store, declare):
    """An older version made indexes by itself; they are not declared."""
    store.database.execute_sql("CREATE INDEX asked_User_title ON users (fold(doc))")
    declare()
    assert store.index_names("asked_") == set()


@pytest.mark.parametrize("name", ["userName", "externalId", "meta.created"])
def test_what_has_a_column_needs_none(store, declare, name):
    """It may be named, and nothing is made."""
    declare(name)
    assert indexes.declared(store) == []


@pytest.mark.parametrize(
    "name",
    ["nobody", "emails", "emails.value", "name", "password", "urn:contoso:User:tag", "a b", "title.x"],
)
def test_what_cannot_be_declared(store, declare, name):
    """It is named, and nothing is changed."""
    declare("title")
    with pytest.raises(UserError, match=f"index: {name!r} is not a single-valued attribute"):
        declare("employeeNumber", name)
    assert indexes.declared(store) == ["title"]


def searched(store, send, filter, times):
    """Search so often, and write the counts as the indexer does every second."""
    for _ in range(times):
        found(send, filter)
    indexes.write_counts(store)


def test_searches_make_none_but_are_told(store, people, send, declare, monkeypatch):
    """However often it is searched by: no index by itself, but the setting that makes it."""
    monkeypatch.setattr(indexes, "MANY", 5)
    searched(store, send, 'title eq "x"', 5)
    assert indexes.undeclared(store) == []
    searched(store, send, 'employeeNumber eq "x"', 3)
    searched(store, send, 'employeeNumber eq "x" and title eq "x"', 4)
    assert store.index_names("declared") == set()
    assert indexes.undeclared(store) == [
        ("title", 9, 'index = ["title"]'),
        (NUMBER, 7, f'index = ["{NUMBER}"]'),
    ]
    declare("title")
    assert indexes.undeclared(store) == [(NUMBER, 7, f'index = ["title","{NUMBER}"]')]


def test_processes_count_together(store, people, send, monkeypatch):
    """What each has counted adds up."""
    monkeypatch.setattr(indexes, "MANY", 5)
    other = opening.open_store(store.path.parent)
    searched(store, send, 'title eq "x"', 3)
    other.searches["User", "title"] += 3
    indexes.write_counts(other)
    other.close()
    assert [each.searches for each in indexes.undeclared(store)] == [6]


def test_old_counts_go(store, people, send):
    """Counts are kept for some days only."""
    store.database.execute_sql("INSERT INTO search_count VALUES ('2020-01-01', 'User', 'title', 9)")
    searched(store, send, 'title eq "x"', 1)
    rows = store.database.execute_sql("SELECT searches FROM search_count").fetchall()
    assert rows == [(1,)]


@pytest.mark.parametrize(
    "filter",
    [
        'userName eq "ada"',
        'title co "admiral"',
        'title ne "admiral"',
        'title eq "a" or title eq "b"',
        'phoneNumbers.value eq "1"',
        'phoneNumbers[type eq "work"].value eq "1"',
        'urn:contoso:User:tag eq "x"',
        "name.givenName eq null",
        "title pr",
    ],
)
def test_what_is_worth_no_index(store, people, send, filter, monkeypatch):
    """Columns have theirs; lists, free attributes and other comparisons would not use one."""
    monkeypatch.setattr(indexes, "MANY", 0)
    searched(store, send, filter, 2)
    assert indexes.undeclared(store) == []


def test_doctor_tells(store, people, send, monkeypatch):
    """The doctor says which setting to add."""
    monkeypatch.setattr(indexes, "MANY", 1)
    searched(store, send, 'title eq "x"', 2)
    (told,) = conditions.index(Settings(store.path.parent), store)
    assert (told[0], told[2]) == ("warn", 'add to config.toml, and restart: index = ["title"]')


def test_the_console_tells(store, people, send, signed_in, monkeypatch):
    """So does the Health part."""
    monkeypatch.setattr(indexes, "MANY", 1)
    assert "searched" not in signed_in.get(headers={"X-Part": "health"}).text
    searched(store, send, 'title eq "x"', 2)
    page = signed_in.get(headers={"X-Part": "health"}).text
    assert (
        "Title has no index and was searched 2 times in a day" in page and "index = [&#34;title&#34;]" in page
    )


def test_backups_hold_them(store, people, declare, tmp_path):
    """A backup with such an index is proven, restored and opened as any other."""
    declare("title")
    file = tmp_path / "b.db"
    backup.backup(store, file)
    sqlite.integrity_check(file)
    backup.restore(tmp_path / "other", file)
    held = sqlite3.connect(tmp_path / "other" / "promapp-lite.db")
    sql = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'declared_User_title'"
    assert held.execute(sql).fetchone() == (1,)
    held.close()
