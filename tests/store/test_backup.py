"""R4: a backup taken while writing restores, ids and all; what is broken is refused and nothing changes."""

import contextlib
import json
import os
import sqlite3
import stat
import threading
import time
import types

import pytest

from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.access import admins
from promapp_lite.store.access.digests import digest
from promapp_lite.store.engine import sqlite
from promapp_lite.store.models import User
from promapp_lite.store.snapshots import backup, copies


@pytest.fixture
def people(send):
    """people(n): make so many users, return their ids."""

    def people(count, name="user"):
        return [send("POST", "/Users", {"userName": f"{name}{n}"}).json["id"] for n in range(count)]

    return people


def ids(store):
    """The ids of all users, in the order they were made."""
    return [row[0] for row in store.database.execute_sql("SELECT id FROM users ORDER BY seq")]


def test_it_works(store, people, tmp_path):
    """Backup, further changes, restore: everybody is as they were, ids and all, and the rest is kept."""
    before = people(3)
    backup.backup(store, tmp_path / "copy.db")
    people(2, "later")
    store.close()
    kept = backup.restore(store.path.parent, tmp_path / "copy.db")
    assert ids(store) == before
    store.close()
    with sqlite.read_only(kept).connection_context():
        pass
    with contextlib.closing(sqlite3.connect(kept)) as database:
        assert len(database.execute("SELECT id FROM users").fetchall()) == 5


def test_a_backup_holds_what_was_acknowledged(store, tmp_path):
    """Taken again and again under load, each copy is sound and holds every write made before it began."""
    acknowledged, ended = [], threading.Event()

    def write():
        while not ended.is_set():
            with store.write():
                User.insert(row(len(acknowledged))).execute(store.writer)
            acknowledged.append(1)
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(20):
            before = len(acknowledged)
            copy = tmp_path / f"{number}.db"
            backup.backup(store, copy)
            backup.check(copy)
            connection = sqlite3.connect(copy)
            assert connection.execute("SELECT COUNT(*) FROM users").fetchone()[0] >= before
            connection.close()
    finally:
        ended.set()
        writer.join()
    assert len(acknowledged) > 20


def row(number):
    """A user's columns."""
    at = "2026-01-01T00:00:00.000Z"
    times = {"created": at, "modified": at}
    return {"id": f"id{number}", "version": 1, "doc": "{}", "user_key": f"u{number}", **times}


def test_a_backup_is_the_owners_only(store, tmp_path):
    """It holds digests and people: nobody else reads it, and nothing is left beside it."""
    backup.backup(store, tmp_path / "copies.db")
    assert stat.S_IMODE((tmp_path / "copies.db").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.part"))


def test_nothing_is_overwritten(store, tmp_path):
    """A file that is there stays as it is."""
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(UserError, match="already exists"):
        backup.backup(store, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_where_it_cannot_be_written(store, tmp_path):
    """A folder that is not there: one clear line, and no half file."""
    with pytest.raises(UserError, match="Cannot write the backup"):
        backup.backup(store, tmp_path / "nowhere" / "copy.db")


def test_no_secret_is_in_a_backup(store, token, tmp_path):
    """S6: neither token nor password can be read from the copy."""
    backup.backup(store, tmp_path / "copy.db")
    data = (tmp_path / "copy.db").read_bytes()
    assert token.encode() not in data
    assert b"correct horse battery" not in data
    assert digest(token).encode() in data


def damaged(good):
    """A copy with a hole in the middle."""
    return good[: len(good) // 3] + bytes(8192) + good[len(good) // 3 + 8192 :]


BROKEN = {
    "empty": lambda good: b"",
    "cut": lambda good: good[: len(good) // 2],
    "hole": damaged,
    "text": lambda good: b"no database at all",
    "head": lambda good: good[:100] + b"\xff" * 4000 + good[4100:],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(store, people, tmp_path, name):
    """It says so, and the data is as before."""
    before = people(1)
    backup.backup(store, tmp_path / "copy.db")
    (tmp_path / "broken.db").write_bytes(BROKEN[name]((tmp_path / "copy.db").read_bytes()))
    store.close()
    with pytest.raises(UserError, match="restored|not a backup"):
        backup.restore(store.path.parent, tmp_path / "broken.db")
    assert ids(store) == before
    assert not (store.path.parent / copies.REPLACED).exists()


def test_a_foreign_database_is_refused(store, tmp_path):
    """A sound SQLite file of another program is no backup."""
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(UserError, match="is not a backup of promapp-lite"):
        backup.restore(store.path.parent, tmp_path / "other.db")


FOREIGN = {
    "trigger": "CREATE TRIGGER t AFTER UPDATE ON token BEGIN UPDATE token SET revoked = NULL; END",
    "view": "CREATE VIEW v AS SELECT * FROM users",
    "table": "CREATE TABLE other (a)",
    "virtual table": "CREATE VIRTUAL TABLE v USING fts5(a)",
    "view for a table": "DROP TABLE email; CREATE VIEW email AS SELECT id value_key, id user_id FROM users",
    "another table": "DROP TABLE email; CREATE TABLE email (value_key)",
    "no table": "DROP TABLE email",
}


def altered(store, script, copy):
    """A backup in which somebody carried out a script."""
    backup.backup(store, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        connection.executescript(script)
    return copy


@pytest.mark.parametrize("script", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_schema_is_refused(store, people, tmp_path, script):
    """Nothing but the tables of this program is taken, and what is there stays."""
    before = people(1)
    copy = altered(store, script, tmp_path / "copy.db")
    store.close()
    with pytest.raises(UserError, match=r"could not be copied.*Nothing was changed"):
        backup.restore(store.path.parent, copy)
    assert ids(store) == before
    assert not (store.path.parent / copies.REPLACED).exists()
    assert not list(store.path.parent.glob("*.new*"))


INDEXES = {
    "an index of another program": "CREATE INDEX mine ON users (doc)",
    "an index that nobody can declare": "CREATE INDEX declared_User_nonsense ON users (doc)",
    "a rule of uniqueness": (
        "CREATE TABLE mine (digest TEXT PRIMARY KEY ON CONFLICT REPLACE, expires TEXT); "
        "DROP TABLE setup; ALTER TABLE mine RENAME TO setup"
    ),
    "a default": "ALTER TABLE token ADD COLUMN more DEFAULT 1",
    "statistics": "ANALYZE",
}


@pytest.mark.parametrize("script", INDEXES.values(), ids=INDEXES)
def test_only_rows_come_from_a_backup(store, people, tmp_path, script):
    """Whatever was done to the tables of a backup, the restored ones are those of this program."""
    before = people(2)
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    wanted = store.database.execute_sql(schema).fetchall()
    copy = altered(store, script, tmp_path / "copy.db")
    store.close()
    backup.restore(store.path.parent, copy)
    assert ids(store) == before
    assert store.database.execute_sql(schema).fetchall() == wanted


def test_a_declared_index_is_made_anew(store, tmp_path):
    """Under the same name, of the attribute that the name says, whatever the one in the backup was of."""
    find = "SELECT sql FROM sqlite_master WHERE name = 'declared_User_title'"
    opening.open_store(store.path.parent, ["title"]).close()
    wanted = store.database.execute_sql(find).fetchone()
    script = "DROP INDEX declared_User_title; CREATE INDEX declared_User_title ON users (doc)"
    copy = altered(store, script, tmp_path / "copy.db")
    store.close()
    backup.restore(store.path.parent, copy)
    assert store.database.execute_sql(find).fetchone() == wanted


def test_a_newer_backup_is_refused(store, tmp_path):
    """This program would not know what to do with it."""
    backup.backup(store, tmp_path / "copy.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as connection, connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030')")
    connection.close()
    with pytest.raises(UserError, match="newer promapp-lite"):
        backup.restore(store.path.parent, tmp_path / "copy.db")


def test_a_missing_file_is_refused(store, tmp_path):
    """And says which."""
    with pytest.raises(UserError, match="no file"):
        backup.restore(store.path.parent, tmp_path / "none.db")


def test_while_serving_it_is_refused(store, people, tmp_path):
    """The serving process has the database open: it is stopped first."""
    backup.backup(store, tmp_path / "copy.db")
    before = people(1)
    with opening.serving_lock(store.path.parent), pytest.raises(UserError, match="already serving"):
        backup.restore(store.path.parent, tmp_path / "copy.db")
    assert ids(store) == before


def test_while_another_command_reads_it_is_refused(store, tmp_path):
    """An open connection's log must not end up beside another database."""
    backup.backup(store, tmp_path / "copy.db")
    store.database.execute_sql("BEGIN")
    store.database.execute_sql("SELECT * FROM users").fetchall()
    refused = []

    def restore():
        with pytest.raises(UserError, match="in use") as caught:
            backup.restore(store.path.parent, tmp_path / "copy.db")
        refused.append(caught)

    thread = threading.Thread(target=restore)
    thread.start()
    thread.join(30)
    store.database.execute_sql("COMMIT")
    assert refused
    assert not list(store.path.parent.glob("*.new*"))


def test_a_damaged_database_is_replaced_and_kept(store, tmp_path):
    """What restore is for: the broken database, with its log, is kept to the byte."""
    backup.backup(store, tmp_path / "copy.db")
    store.close()
    store.path.write_bytes(b"this is no database any more" * 1000)
    broken = store.path.read_bytes()
    kept = backup.restore(store.path.parent, tmp_path / "copy.db")
    assert kept.read_bytes() == broken
    assert admins.listed(opening.open_store(store.path.parent))


def test_onto_a_new_machine(store, people, tmp_path):
    """Restore needs no init: the folder is made, and holds what the backup holds."""
    before = people(2)
    backup.backup(store, tmp_path / "copy.db")
    assert backup.restore(tmp_path / "new" / "place", tmp_path / "copy.db") is None
    fresh = opening.open_store(tmp_path / "new" / "place")
    assert ids(fresh) == before
    fresh.close()


def test_where_links_cannot_be_made(store, tmp_path, monkeypatch):
    """On a file system without links the database is moved instead."""
    backup.backup(store, tmp_path / "copy.db")
    store.close()

    def link(*_):
        raise OSError("not here")

    monkeypatch.setattr(os, "link", link)
    assert backup.restore(store.path.parent, tmp_path / "copy.db").exists()


def test_copies_of_a_clock_that_was_ahead(store, monkeypatch):
    """They are the first to go: today's copy stays, and is taken once."""
    folder = store.path.parent / copies.BACKUPS
    folder.mkdir()
    for name in ("2027-01-01", "2027-01-02", "2027-01-03"):
        (folder / f"daily-{name}.db").touch()
    for day in range(1, 4):
        moment = backup.datetime(2026, 1, day, tzinfo=backup.UTC)
        monkeypatch.setattr(backup, "now", lambda moment=moment: moment)
        made = backup.daily(store, 3)
        assert made.exists() and backup.daily(store, 3) is None
        assert len(list(folder.iterdir())) == 3
    assert sorted(file.name for file in folder.iterdir()) == [
        "daily-2026-01-01.db", "daily-2026-01-02.db", "daily-2026-01-03.db"
    ]  # fmt: skip


def test_a_copy_a_day(store, monkeypatch):
    """One a day, the newest N are kept, other files are left alone."""
    folder = store.path.parent / copies.BACKUPS
    assert backup.daily(store, 0) is None
    assert not folder.exists()
    for day in range(1, 6):
        moment = backup.datetime(2026, 1, day, tzinfo=backup.UTC)
        monkeypatch.setattr(backup, "now", lambda moment=moment: moment)
        assert backup.daily(store, 3).name == f"daily-2026-01-0{day}.db"
        assert backup.daily(store, 3) is None
        (folder / "mine.db").touch()
    assert sorted(file.name for file in folder.iterdir()) == [
        "daily-2026-01-03.db", "daily-2026-01-04.db", "daily-2026-01-05.db", "mine.db"
    ]  # fmt: skip


def test_the_keeper_goes_on_after_a_failure(store, monkeypatch, caplog):
    """A full disk today is told, and tomorrow's copy is taken all the same."""
    calls, ended = [], threading.Event()

    def daily(store, keep):
        calls.append(keep)
        if len(calls) == 1:
            raise UserError("no room")
        ended.set()

    monkeypatch.setattr(backup, "daily", daily)
    monkeypatch.setattr(backup, "FIRST_SECONDS", 0)
    monkeypatch.setattr(backup, "LOOK_SECONDS", 0)
    backup.keep_copies(store, 5, ended)
    assert calls == [5, 5]
    assert "no room" in caplog.text


def test_one_of_several_processes_does_it(store, monkeypatch, caplog):
    """While another one is at it, a process leaves it to that one; it is no fault."""
    looks, taken = iter([True] * 2), []
    ended = threading.Event()
    monkeypatch.setattr(ended, "wait", lambda _: next(looks, None) is None)
    monkeypatch.setattr(backup, "daily", lambda store, keep: taken.append(keep))
    with backup.FileLock(store.path.with_name(backup.LOCK)):
        backup.keep_copies(store, 5, ended)
    assert (taken, caplog.text) == ([], "")
    looks = iter([True] * 2)
    backup.keep_copies(store, 5, ended)
    assert taken == [5, 5]


def test_a_copy_that_stops_half_way_leaves_nothing(store, tmp_path, monkeypatch):
    """A copy that is found damaged gets no name."""

    def integrity_check(_):
        raise sqlite.DatabaseError("a fault")

    monkeypatch.setattr(copies, "integrity_check", integrity_check)
    with pytest.raises(UserError, match="a fault"):
        backup.backup(store, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))


def test_what_a_killed_copy_left_is_no_obstacle(store, tmp_path):
    """The next try takes the place of a part that a kill left behind."""
    (tmp_path / "copy.db.part").write_text("half")
    backup.backup(store, tmp_path / "copy.db")
    backup.check(tmp_path / "copy.db")


def test_while_serving(served, server, tmp_path):
    """The command copies beside a running service, and the copy holds the user just made."""
    made = served("POST", "/Users", {"userName": f"backup{time.monotonic_ns()}"}).json["id"]
    server.run("backup", str(tmp_path / "copy.db"))
    connection = sqlite3.connect(tmp_path / "copy.db")
    assert connection.execute("SELECT 1 FROM users WHERE id = ?", (made,)).fetchone()
    connection.close()


def test_the_export_command(served, server):
    """`export` writes what the API lists."""
    name = f"export{time.monotonic_ns()}"
    made = served("POST", "/Users", {"userName": name}).json
    listed = json.loads(server.run("export", "--format", "scim", "users"))
    assert made["id"] in [each["id"] for each in listed["Resources"]]


def test_what_crashes_have_left_goes(store):
    """Unfinished files a day old, and all but three of the databases that were replaced."""
    folder = store.path.parent
    for place in (folder / copies.BACKUPS, folder / copies.REPLACED):
        place.mkdir()
    left = [
        folder / "backups" / "daily-2026-01-01.db.part",
        folder / "backups" / "daily-2026-01-01.db.part-journal",
        folder / "promapp-lite.db.new",
        folder / "promapp-lite.db.new.part",
        *(folder / "replaced" / f"2026-01-0{day}T000000.0.db{end}" for day in (1, 2) for end in ("", "-wal")),
        *(folder / f"before-promapp-lite-000{number}_x.db" for number in (1, 2)),
    ]
    stay = [
        folder / "backups" / "daily-2026-01-02.db",
        folder / "backups" / "mine.db",
        *(folder / "replaced" / f"2026-01-0{day}T000000.0.db" for day in (3, 4, 5)),
        *(folder / f"before-promapp-lite-000{number}_x.db" for number in (3, 4, 5)),
    ]
    for each in (*left, *stay):
        each.touch()
        os.utime(each, (0, 0))
    young = folder / "backups" / "daily-2026-01-03.db.part"
    young.touch()
    copies.sweep(folder)
    assert [each.name for each in left if each.exists()] == []
    assert [each.name for each in (*stay, young, store.path) if not each.exists()] == []


def test_a_copy_that_would_not_fit_is_not_begun(store, tmp_path, monkeypatch):
    """It would fill the disk for everybody."""
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1000))
    with pytest.raises(UserError, match="less space"):
        backup.backup(store, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy.db*")) == []


def test_a_failing_copy_stops_no_pruning(store, monkeypatch, caplog):
    """Each of the daily jobs is tried for itself."""
    pruned = []

    def fails(*_):
        raise UserError("no space")

    monkeypatch.setattr(backup, "daily", fails)
    monkeypatch.setattr(backup.journal, "prune", lambda *_: pruned.append(1))
    monkeypatch.setattr(backup, "FIRST_SECONDS", 0)
    ended = threading.Event()
    monkeypatch.setattr(backup.copies, "sweep", lambda _: ended.set())
    backup.keep_copies(store, 7, ended)
    assert pruned and "daily copy failed: no space" in caplog.text
