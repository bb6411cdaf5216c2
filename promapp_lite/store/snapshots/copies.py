"""Copies of a database: made while it is written, integrity-checked, on disk before they get their name."""

import os
from collections.abc import Callable
from pathlib import Path

from peewee import SqliteDatabase

from promapp_lite.store.engine.sqlite import copy_into, integrity_check

UNFINISHED = ".part"


def copy(database: SqliteDatabase, target: Path) -> None:
    """Make `target` with every write acknowledged before; OSError or DB_ERRORS."""
    make(target, lambda part: copy_into(database, part))


def make(target: Path, fill: Callable[[Path], None]) -> None:
    """Make `target`, whole or not at all, as a database that `fill` writes into an empty file."""
    part = target.with_name(target.name + UNFINISHED)
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        fill(part)
        integrity_check(part)
        fsync(part)
        part.replace(target)
        fsync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """fsync a file or a directory."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no such thing for folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
