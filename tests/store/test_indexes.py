"""Indexes made when they are asked for: found by any attribute as quickly as by userName, and never wrong."""

import sqlite3

import pytest
from peewee import OperationalError

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


def made(store):
    """The indexes that were made so far."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'asked%' ORDER BY name"
    return [name for (name,) in store.database.execute_sql(sql).fetchall()]


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
    "filter", ['title eq "admiral"', f'{NUMBER} eq "1"', 'employeeNumber eq "1" and active eq true']
)
def test_asked_five_times(store, people, send, monkeypatch, filter):
    """Four searches read everybody, from the fifth on an index is used, with the same answer."""
    before = [found(send, filter) for _ in range(indexes.ASKED - 2)]
    assert "asked_" not in plan(store, monkeypatch, send, filter) and made(store) == []
    assert "USING INDEX asked_" in plan(store, monkeypatch, send, filter)
    assert len(made(store)) == 1
    assert [found(send, filter)] * len(before) == before and before[0]


def test_it_follows_changes(store, people, send):
    """What is written later is found by the index: new, changed, gone, whatever the letter case."""
    for _ in range(indexes.ASKED):
        assert found(send, 'title eq "ADMIRAL"') == ["grace", "jean"]
    assert made(store) == ["asked_User_title"]
    send("PATCH", f"/Users/{people[1]}", {"Operations": [{"op": "remove", "path": "title"}]})
    send("POST", "/Users", {"userName": "zoë", "title": "Ädmiral"})
    send("POST", "/Users", {"userName": "new", "title": "admiral"})
    send("DELETE", f"/Users/{people[2]}")
    assert found(send, 'title eq "Admiral"') == ["new"]
    assert found(send, 'title eq "äDMIRAL"') == ["zoë"]
    assert found(send, 'not (title eq "Admiral")') == ["ada", "grace", "zoë"]


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
def test_what_is_worth_no_index(store, people, send, filter):
    """Columns have theirs; lists, free attributes and other comparisons would not use one."""
    for _ in range(indexes.ASKED + 1):
        found(send, filter)
    assert made(store) == []


def test_there_are_few(store, people, send):
    """Each costs every write a little, so a reader cannot have them without end."""
    for name in ("title", "nickName", "locale", "timezone", "userType", "department"):
        for _ in range(indexes.ASKED):
            found(send, f'{name} eq "x"')
    assert len(made(store)) == indexes.MOST


def test_groups_too(store, send):
    """A group's single attributes are its matching ones, so nothing is left; a later one would be found."""
    send("POST", "/Groups", {"displayName": "g", "externalId": "e"})
    for _ in range(indexes.ASKED):
        assert found(send, 'externalId eq "e"', "/Groups") == ["g"]
    assert made(store) == []


def test_a_full_disk_is_no_matter(store, people, send, monkeypatch):
    """An index that cannot be made is not told to who searches."""

    def full():
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(store, "write", full)
    for _ in range(indexes.ASKED):
        assert found(send, 'title eq "countess"') == ["ada"]
    monkeypatch.undo()
    assert made(store) == []


def test_backups_hold_them(store, people, send, tmp_path):
    """A backup with such an index is proven, restored and opened as any other."""
    for _ in range(indexes.ASKED):
        found(send, 'title eq "countess"')
    file = tmp_path / "b.db"
    backup.backup(store, file)
    sqlite.integrity_check(file)
    backup.restore(tmp_path / "other", file)
    held = sqlite3.connect(tmp_path / "other" / "promapp-lite.db")
    sql = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'asked_User_title'"
    assert held.execute(sql).fetchone() == (1,)
    held.close()
