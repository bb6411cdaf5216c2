"""R5: a database of every released schema is opened by this program, people, tokens, ids and all."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from helpers import FIXTURES, ROOT

from promapp_lite.application import create_app
from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.access import admins

SCHEMAS = sorted((FIXTURES / "schemas").glob("*.sqlite"))


@pytest.fixture(params=SCHEMAS, ids=lambda file: file.stem)
def older(request, tmp_path):
    """A data folder with a database of that schema."""
    folder = tmp_path / "older"
    folder.mkdir()
    shutil.copy(request.param, folder / opening.DATABASE)
    return folder


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """scripts(name, text): the program's migrations and further ones."""
    folder = tmp_path / "scripts"
    shutil.copytree(opening.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(opening, "MIGRATIONS", folder)
    return lambda name, text: (folder / name).write_text(text)


def test_there_is_one_for_each_schema():
    """Nobody forgets the file of a schema that was released: `python tests/fixtures/schemas/make.py`."""
    numbers = {file.stem.split("_")[0] for file in opening.MIGRATIONS.glob("[0-9]*.py")}
    assert {file.stem for file in SCHEMAS} == numbers


def test_the_newest_is_of_the_schema_as_it_is(tmp_path):
    """Until a release the newest file follows the schema: `tests/fixtures/schemas/make.py` makes it."""
    opening.create(tmp_path).close()
    assert tables(SCHEMAS[-1]) == tables(tmp_path / opening.DATABASE)


def tables(file):
    """Tables and indexes of a database file."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


def test_it_works(older):
    """People, group, admin and what happened are all there, and the API answers with them."""
    store = opening.open_store(older)
    assert store.database.execute_sql("SELECT COUNT(*) FROM users").fetchone() == (2,)
    assert store.database.execute_sql("SELECT COUNT(*) FROM member").fetchone() == (2,)
    assert [each.name for each in admins.listed(store)] == ["ada"]
    assert store.database.execute_sql("SELECT COUNT(*) FROM activity").fetchone()[0] >= 3
    assert create_app(Settings(older), store).test_client().get("/healthz").status_code == 200
    store.close()


def test_ids_stay(older):
    """No id changes, not one."""
    before = ids(older)
    opening.open_store(older).close()
    assert ids(older) == before


def ids(folder):
    """All ids in a database file."""
    connection = sqlite3.connect(folder / opening.DATABASE)
    found = connection.execute("SELECT id FROM users UNION SELECT id FROM groups ORDER BY id").fetchall()
    connection.close()
    return found


def test_killed_at_any_point(older, scripts):
    """A migration killed again and again leaves the old schema or the new one, and the next start ends it."""
    scripts(
        "9001_slow.py",
        "import time\n\n\ndef up(migrator, db):\n"
        "    for number in range(20):\n"
        "        db.execute_sql(f'CREATE TABLE part{number} (a)')\n"
        "        time.sleep(0.01)\n",
    )
    code = (
        "import sys, pathlib; from promapp_lite.store import opening\n"
        "opening.MIGRATIONS = pathlib.Path(sys.argv[2])\n"
        "print('begun', flush=True); opening.open_store(pathlib.Path(sys.argv[1])).close()"
    )
    for wait in (0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(older), str(opening.MIGRATIONS)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert parts(older) in (0, 20)
    opening.open_store(older).close()
    assert parts(older) == 20
    assert len(ids(older)) == 3


def parts(folder):
    """How many of the tables of the slow script there are."""
    connection = sqlite3.connect(folder / opening.DATABASE)
    found = connection.execute("SELECT COUNT(*) FROM sqlite_master WHERE name LIKE 'part%'").fetchone()[0]
    connection.close()
    return found


def test_a_copy_is_taken_first(older, scripts):
    """What stood there before the change can be opened by the program of before."""
    scripts("9001_more.py", "def up(migrator, db):\n    db.execute_sql('CREATE TABLE more (a)')\n")
    before = ids(older)
    opening.open_store(older).close()
    (copy,) = older.glob("before-*.db")
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT COUNT(*) FROM users").fetchone() == (2,)
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchone()
    connection.close()
    assert ids(older) == before


def test_without_room_for_the_copy_nothing_is_migrated(older, scripts, monkeypatch):
    """No copy, no change."""

    def copy(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening.copies, "copy", copy)
    scripts("9001_more.py", "def up(migrator, db):\n    db.execute_sql('CREATE TABLE part1 (a)')\n")
    with pytest.raises(UserError, match="No space left"):
        opening.open_store(older)
    assert parts(older) == 0
