"""R5: one server a folder; an older schema is copied and migrated, a newer or damaged one is refused."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from helpers import ROOT
from peewee import SqliteDatabase

from promapp_lite.errors import UserError
from promapp_lite.store import models, opening
from promapp_lite.store.engine import sqlite


@pytest.fixture
def folder(tmp_path):
    """An initialised data folder, closed."""
    opening.create(tmp_path / "data").close()
    return tmp_path / "data"


def database(folder):
    """A plain connection to the folder's database."""
    return sqlite3.connect(folder / opening.DATABASE)


def schema_of(connection):
    """Tables and indexes by name, with their SQL."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    return {name: sql for name, sql in rows if not name.startswith(("schema_migration", "schemamigration"))}


def test_the_migrations_make_the_models(folder):
    """The numbered scripts and the models say the same."""
    fresh = SqliteDatabase(":memory:")
    with fresh.bind_ctx(models.MODELS):
        fresh.create_tables(models.MODELS)
    with database(folder) as connection:
        found = schema_of(connection)
    connection.close()
    wanted = schema_of(fresh.connection())
    assert {name: found.get(name) for name in wanted} == wanted
    fresh.close()


def test_a_write_is_durable(folder):
    """WAL and synchronous=FULL on every connection: an acknowledged write survives a power cut."""
    store = opening.open_store(folder)
    pragmas = [
        store.database.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    assert pragmas == ["wal", 2]
    store.close()


def test_a_newer_schema_is_refused(folder):
    """It says so, and changes nothing."""
    with database(folder) as connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030')")
    connection.close()
    before = (folder / opening.DATABASE).read_bytes()
    with pytest.raises(UserError, match="newer promapp-lite"):
        opening.open_store(folder)
    assert (folder / opening.DATABASE).read_bytes() == before


def test_a_damaged_file_is_refused(folder):
    """The message names the file, and the file is left as it is."""
    (folder / opening.DATABASE).write_bytes(b"this is no database" * 500)
    before = (folder / opening.DATABASE).read_bytes()
    with pytest.raises(UserError, match="cannot be opened"):
        opening.open_store(folder)
    assert (folder / opening.DATABASE).read_bytes() == before


def others(file):
    """Another program's SQLite file."""
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")


@pytest.mark.parametrize("put", [Path.touch, others])
def test_what_is_no_database_of_ours_is_refused(folder, put):
    """An empty file or another program's in the database's place is no new directory, and stays as it is."""
    file = folder / opening.DATABASE
    file.unlink()
    put(file)
    before = file.read_bytes()
    with pytest.raises(UserError, match="no database of promapp-lite"):
        opening.open_store(folder)
    assert file.read_bytes() == before


def test_a_database_that_cannot_be_finished_is_none(tmp_path):
    """What fails while a database is made leaves no data, and the next try makes it."""
    folder = tmp_path / "data"
    with pytest.raises(UserError, match="full"), opening.creating(folder):
        raise OSError(28, "disk full")
    assert not opening.exists(folder) and list(folder.glob("*.db*")) == []
    (folder / f"{opening.DATABASE}.new").write_bytes(b"left by a kill")
    opening.create(folder).close()
    assert [each.name for each in folder.glob("*.db*")] == [opening.DATABASE]


@pytest.fixture
def newer(tmp_path, monkeypatch):
    """A program with one migration more."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    first = opening.MIGRATIONS / "0001_first.py"
    (scripts / first.name).write_text(first.read_text("utf-8"), "utf-8")
    (scripts / "0002_more.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE more (a)')\n"
    )
    monkeypatch.setattr(opening, "MIGRATIONS", scripts)


def test_an_older_schema_is_copied_and_migrated(folder, newer):
    """Before the first new script runs, a copy of the data stands beside it."""
    opening.open_store(folder).close()
    with database(folder) as connection:
        assert connection.execute("SELECT COUNT(*) FROM more").fetchone() == (0,)
    connection.close()
    (copy,) = folder.glob("before-*.db")
    assert "0001_first" in copy.name


def test_a_failing_script_changes_nothing(folder, tmp_path, monkeypatch):
    """The schema is old or new, never between."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    first = opening.MIGRATIONS / "0001_first.py"
    (scripts / first.name).write_text(first.read_text("utf-8"), "utf-8")
    (scripts / "0002_bad.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE half (a)')\n    db.execute_sql('nonsense')\n"
    )
    monkeypatch.setattr(opening, "MIGRATIONS", scripts)
    with pytest.raises(UserError, match="nonsense"):
        opening.open_store(folder)
    with database(folder) as connection:
        assert "half" not in schema_of(connection)
    connection.close()


def test_twenty_starters_migrate_once(folder, newer):
    """Two starters at once do not collide."""
    failures = []

    def start():
        try:
            opening.open_store(folder).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_a_second_server_is_refused(folder):
    """While one process serves a folder another is refused, and the lock dies with its owner."""
    code = (
        "import sys, pathlib; from promapp_lite.store.opening import serving_lock\n"
        "lock = serving_lock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
    ) as owner:  # fmt: skip
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="already serving"):
            opening.serving_lock(folder)
        owner.kill()
        owner.wait(10)
    opening.serving_lock(folder).release()


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (PureWindowsPath(r"\\nas\backups\a b.db"), "file:////nas/backups/a%20b.db?mode=ro"),
        (PureWindowsPath(r"C:\data\a#b.db"), "file:///C:/data/a%23b.db?mode=ro"),
        (PurePosixPath("/srv/a?b.db"), "file:///srv/a%3Fb.db?mode=ro"),
    ],
)
def test_how_a_file_is_named_to_sqlite(path, address):
    """Of a network share too: SQLite takes no server in a URI."""
    assert sqlite.uri(path, "ro") == address


def test_sqlite_opens_a_path_that_begins_as_a_share_does(folder):
    """Four slashes are two in the path; file://server/… is refused."""
    file = folder / opening.DATABASE
    address = sqlite.uri(PurePosixPath(f"/{file}"), "ro")
    assert address.startswith("file:////")
    with contextlib.closing(sqlite3.connect(address, uri=True)) as opened:
        assert opened.execute("PRAGMA quick_check").fetchone() == ("ok",)
    with pytest.raises(sqlite3.OperationalError, match="authority"):
        sqlite3.connect("file://server/share/a.db?mode=ro", uri=True)
