"""Copies of a database: taken while it is written, proven sound, on the disk before they have their name."""

import contextlib
import os
import sqlite3
from pathlib import Path

from peewee import DatabaseError, SqliteDatabase

from promapp_lite.errors import UserError
from promapp_lite.store.engine import with_functions

UNFINISHED = ".part"


def copy(database: SqliteDatabase, target: Path) -> None:
    """Make `target`, whole or not at all, with every write acknowledged before; OSError or DB_ERRORS.

    VACUUM INTO reads one state of the database however busy it is; a copy of the file misses what is in
    the log beside it.
    """
    part = target.with_name(target.name + UNFINISHED)
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        database.execute_sql("VACUUM INTO ?", (str(part),))
        prove(part)
        settle(part)
        part.replace(target)
        settle(target.parent)
    finally:
        part.unlink(missing_ok=True)


def prove(file: Path) -> None:
    """One of DB_ERRORS where SQLite finds one in the file."""
    database = reading(file)
    with database.connection_context():
        found = [row[0] for row in database.execute_sql("PRAGMA integrity_check").fetchall()]
    if found != ["ok"]:
        raise DatabaseError(f"{file} is damaged: {found[0]}")


def reading(file: Path) -> SqliteDatabase:
    """The database in a file, which is only read."""
    return with_functions(SqliteDatabase(f"{file.resolve().as_uri()}?mode=ro", uri=True))


def settle(path: Path) -> None:
    """Return when a file, or the names in a folder, have reached the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no such thing for folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fold_log(file: Path) -> None:
    """Bring what is in the log beside a database into it; UserError while others have it open.

    A damaged database is left as it is, with its log.
    """
    connection = sqlite3.connect(file, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError:
        raise UserError(f"{file} is in use by another command: try again when that has ended.") from None
    except sqlite3.DatabaseError:
        return
    finally:
        connection.close()


def left_open(file: Path) -> Path | None:
    """The log beside a database that we have closed: it is there while another program has the database open.

    Whoever closes a database last folds the log into it. A worker that was killed did not, so this does.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file, timeout=5)) as last:
        last.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    log = file.with_name(file.name + "-wal")
    return log if log.exists() else None
