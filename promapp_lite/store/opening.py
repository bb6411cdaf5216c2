"""Opening the data folder: made, brought to this program's schema under a lock, or refused."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from peewee import DatabaseError, SqliteDatabase
from playhouse.migrations import Migration, Runner

from promapp_lite import config
from promapp_lite.errors import UserError
from promapp_lite.store.directory import indexes
from promapp_lite.store.engine import Store, sqlite
from promapp_lite.store.snapshots import copies

fcntl: Any = None if sys.platform == "win32" else importlib.import_module("fcntl")

DATABASE = config.DATABASE
SERVING, LISTENING = "serve.lock", "serve.urls"  # the lock of `serve`, and where it listens
HISTORY = "schema_migration"  # the table of the migrations that have run
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_SECONDS = 30
LOCKED = "Another promapp-lite has been making or migrating the database in {} for {} seconds."


class Busy(UserError):
    """Another promapp-lite serves this folder."""


def exists(folder: Path) -> bool:
    """Whether there is data already."""
    return (folder / DATABASE).exists()


def create(folder: Path) -> Store:
    """Make the data folder, readable by its owner only, and an empty database in it."""
    with creating(folder):
        pass
    return open_store(folder)


@contextlib.contextmanager
def creating(folder: Path) -> Iterator[Store]:
    """A new database, which the folder gets when the block ends well; otherwise it stays without data.

    UserError where it cannot be written, or there is one already.
    """
    new, store = folder / f"{DATABASE}.new", None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / "migrate.lock", timeout=LOCK_SECONDS):
            if exists(folder):
                raise UserError(f"{folder} is already initialised; nothing was changed.")
            copies.remove(new)
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            store = Store(new)
            migrate(store)
            yield store
            store.close()
            new.replace(folder / DATABASE)
            copies.fsync(folder)
    except Timeout:
        raise UserError(LOCKED.format(folder, LOCK_SECONDS)) from None
    except OSError as error:
        raise UserError(f"Cannot create the data folder {folder}: {error.strerror}.") from None
    except DatabaseError as error:
        raise UserError(f"Cannot create {folder / DATABASE}: {error}. Nothing was kept.") from None
    finally:
        if store:
            store.close()
            copies.remove(new)


def open_store(folder: Path, index: Iterable[str] | None = None) -> Store:
    """Open the database, migrated; UserError where there is none, or it is damaged, or too new.

    With `index` it gets the indexes of those attributes, and no others that were declared once.
    """
    wanted = None if index is None else indexes.wanted(index)
    if not exists(folder):
        raise UserError(f"There is no data in {folder} yet: run promapp-lite init first.")
    store = Store(folder / DATABASE)
    try:
        with FileLock(folder / "migrate.lock", timeout=LOCK_SECONDS):
            refuse_foreign(store.path, steps_in(store.path))
            migrate(store)
            if wanted is not None:
                indexes.declare(store, wanted)
    except Timeout:
        raise UserError(LOCKED.format(folder, LOCK_SECONDS)) from None
    except DatabaseError as error:
        store.close()
        raise UserError(f"{store.path} cannot be opened: {error}. It was not changed.") from None
    except OSError as error:
        raise UserError(f"Cannot write to {folder}: {error.strerror}.") from None
    return store


def migrate(store: Store) -> None:
    """Run the scripts that have not run yet; UserError where the database knows ones this program lacks."""
    known = steps(store.database)
    refuse_newer(store.path, known)
    if any(each.applied is None for each in known):
        copy_first(store, known)
        Runner(store.database, str(MIGRATIONS), HISTORY).up()


def make_tables(database: SqliteDatabase, newest: str) -> None:
    """Make the tables in an empty database, as they are after that migration."""
    Runner(database, str(MIGRATIONS), HISTORY).up(newest)


def steps(database: SqliteDatabase) -> list[Migration]:
    """Every migration that the program or the database knows, in order."""
    found: list[Migration] = Runner(database, str(MIGRATIONS), HISTORY).status()
    return found


def steps_in(file: Path) -> list[Migration]:
    """The steps of a database that is left as it is: one that may write would change its journal mode."""
    database = sqlite.read_only(file)
    with database.connection_context():
        return steps(database)


def is_ours(known: list[Migration]) -> bool:
    """Whether a database is of this program: an empty one and another's have seen none of its steps."""
    return any(each.applied for each in known)


def refuse_foreign(path: Path, known: list[Migration]) -> None:
    """UserError where the database is empty or another program's."""
    if not is_ours(known):
        raise UserError(
            f"{path} is no database of promapp-lite. It was not changed: restore a backup, or move the file "
            "away and run promapp-lite init."
        )


def refuse_newer(path: Path, known: list[Migration]) -> None:
    """UserError where the database has been through a migration this program lacks."""
    newer = [each.name for each in known if each.path is None]
    if newer:
        raise UserError(
            f"{path} was written by a newer promapp-lite (schema {newer[-1]}): install that version."
        )


def copy_first(store: Store, known: list[Migration]) -> None:
    """Keep a copy beside the database before its schema changes; a new one has nothing to keep."""
    applied = [each.name for each in known if each.applied]
    if applied:
        copies.copy(store.database, store.path.with_name(f"before-{store.path.stem}-{applied[-1]}.db"))


def serving_lock(folder: Path) -> FileLock:
    """The lock of the one `serve` of a folder, which dies with it; UserError where another holds it."""
    lock = FileLock(folder / SERVING, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(f"Another promapp-lite is already serving {folder}.") from None
    except OSError as error:
        raise UserError(f"Cannot write to {folder}: {error.strerror}.") from None
    return lock


def shared_serving_lock(folder: Path) -> object:
    """The lock of a process of another WSGI server, which dies with it; UserError where `serve` holds it.

    Such processes share it: the workers of one gunicorn are one service, and while it
    is replaced by a new one both serve for a while. It keeps off `serve` and `restore`. On Windows there is
    no such lock, and one process a server.
    """
    if fcntl is None:
        return serving_lock(folder)
    try:
        handle = os.open(folder / SERVING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"Another promapp-lite is already serving {folder}.") from None
    except OSError as error:
        raise UserError(f"Cannot write to {folder}: {error.strerror}.") from None
    return handle
