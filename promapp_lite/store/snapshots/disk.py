"""What the data folder takes and holds: sizes, free space, the last backup."""

import math
import shutil
import time
from datetime import UTC, datetime
from typing import NamedTuple

from promapp_lite import clock
from promapp_lite.store.engine import Store, sqlite
from promapp_lite.store.snapshots.copies import BACKUPS


class Copy(NamedTuple):
    """A backup."""

    name: str
    made: str
    size: int


def size(store: Store) -> int:
    """The bytes of the database with its log."""
    files = (store.path, store.path.with_name(store.path.name + sqlite.LOGS[0]))
    return sum(file.stat().st_size for file in files if file.exists())


def free(store: Store) -> int:
    """The bytes left on the disk of the data folder."""
    return shutil.disk_usage(store.path.parent).free


def last_copy(store: Store) -> Copy | None:
    """The newest daily copy, None where there is none yet; not one of a clock that was ahead."""
    return newest(store, "daily-*.db", time.time())


def last_backup(store: Store) -> Copy | None:
    """The newest backup in the data folder, None where there is none yet."""
    return newest(store, "*.db")


def newest(store: Store, names: str, until: float = math.inf) -> Copy | None:
    """The file of such a name that was written last, until then (seconds since 1970)."""
    every = [(file.stat(), file.name) for file in (store.path.parent / BACKUPS).glob(names)]
    found = [each for each in every if each[0].st_mtime <= until]
    if not found:
        return None
    facts, name = max(found, key=lambda each: each[0].st_mtime)
    return Copy(name, clock.stamp(datetime.fromtimestamp(facts.st_mtime, UTC)), facts.st_size)
