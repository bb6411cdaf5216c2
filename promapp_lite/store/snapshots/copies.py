"""Copies of a database: made while it is written, integrity-checked, on disk before they get their name."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from peewee import SqliteDatabase

from promapp_lite.store.engine.sqlite import copy_into, integrity_check

UNFINISHED = ".part"
BESIDE = ("-wal", "-shm", "-journal")  # the files that SQLite may keep beside a database
BACKUPS, REPLACED = "backups", "replaced"
KEPT = 3  # of the databases that a restore or a migration has replaced
OLD_SECONDS = 86_400  # after which what is unfinished is no longer being made


def copy(database: SqliteDatabase, target: Path) -> None:
    """Make `target` with every write acknowledged before; OSError or DB_ERRORS."""
    make(target, lambda part: copy_into(database, part))


def make(target: Path, fill: Callable[[Path], None]) -> None:
    """Make `target`, whole or not at all, as a database that `fill` writes into an empty file."""
    part = target.with_name(target.name + UNFINISHED)
    remove(part)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        fill(part)
        integrity_check(part)
        fsync(part)
        part.replace(target)
        fsync(target.parent)
    finally:
        remove(part)


def remove(file: Path) -> None:
    """Remove a database that nobody has open, with the files beside it; OSError."""
    for end in ("", *BESIDE):
        file.with_name(file.name + end).unlink(missing_ok=True)


def sweep(folder: Path, kept: int = KEPT, old: float = OLD_SECONDS) -> None:
    """Remove what crashes have left in a data folder, and old databases that were kept to go back to."""
    for place, names in ((folder, "*.db.new*"), (folder, "*.part*"), (folder / BACKUPS, "*.part*")):
        for each in place.glob(names):
            if time.time() - each.stat().st_mtime > old:
                each.unlink()
    for place, names in ((folder / REPLACED, "*.db"), (folder, "before-*.db")):
        for each in sorted(place.glob(names))[:-kept]:
            remove(each)


def fsync(path: Path) -> None:
    """fsync a file or a directory."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no such thing for folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
