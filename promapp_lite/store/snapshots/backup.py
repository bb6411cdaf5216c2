"""Backup and restore of a data folder, and the daily copies that `serve` takes."""

import contextlib
import errno
import logging
import os
import shutil
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.activity import audit, journal
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import indexes
from promapp_lite.store.engine import DB_ERRORS, Store, sqlite
from promapp_lite.store.snapshots import copies, disk

log = logging.getLogger("promapp_lite")

LOCK = "daily.lock"
FIRST_SECONDS, LOOK_SECONDS = 60, 3600


def backup(store: Store, target: Path) -> None:
    """Copy the database into a new file, while it is written; UserError where that cannot be."""
    if target.exists():
        raise UserError(f"{target} already exists and was not overwritten.")
    try:
        if shutil.disk_usage(target.parent).free < disk.size(store):
            raise OSError(errno.ENOSPC, "there is less space on that disk than the database takes")
        copies.copy(store.database, target)
    except (OSError, *DB_ERRORS) as error:
        raise UserError(f"Cannot write the backup {target}: {error}.") from None


def restore(folder: Path, source: Path, caller: Caller | None = None) -> Path | None:
    """Put a backup in the place of the database; the file that keeps what was there, None where nothing was.

    UserError, with nothing changed, for a file that is damaged, no backup or of a newer program, and while
    the folder is being served. The activity of what is restored tells of it.
    """
    newest, index = check(source)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opening.serving_lock(folder):
        fresh = folder / f"{opening.DATABASE}.new"
        try:
            take(source, fresh, newest)
            kept = keep_present(folder)
            fresh.replace(folder / opening.DATABASE)
        finally:
            fresh.unlink(missing_ok=True)
        copies.fsync(folder)
        store = opening.open_store(folder, index)
        audit.record(store, caller or audit.command("restore"), "data-restored", str(source))
        store.close()
    return kept


def check(source: Path) -> tuple[str, list[str]]:
    """The last migration of a sound backup, and its declared indexes; UserError for any other file."""
    if not source.is_file():
        raise UserError(f"There is no file {source}.")
    try:
        sqlite.integrity_check(source)
        known = opening.steps_in(source)
        database = sqlite.read_only(source)
        with database.connection_context():
            index = indexes.attributes(sqlite.index_names(database, indexes.PREFIX))
    except DB_ERRORS as error:
        raise UserError(f"{source} cannot be restored: {error}. Nothing was changed.") from None
    if not opening.is_ours(known):
        raise UserError(f"{source} is not a backup of promapp-lite. Nothing was changed.")
    opening.refuse_newer(source, known)
    return str([each.name for each in known if each.applied][-1]), index


def take(source: Path, target: Path, newest: str) -> None:
    """Make a database beside the present one from the rows of a backup; UserError where that cannot be."""

    def fill(part: Path) -> None:
        database = sqlite.offline(part)
        with database.connection_context():
            opening.make_tables(database, newest)
            sqlite.copy_rows(source, database, left_out=opening.HISTORY)

    try:
        copies.make(target, fill)
    except (OSError, *DB_ERRORS) as error:
        raise UserError(f"{source} could not be copied: {error}. Nothing was changed.") from None


def keep_present(folder: Path) -> Path | None:
    """Hard-link the current database, intact or not, into replaced/: there is always one in place."""
    present = folder / opening.DATABASE
    if not present.exists():
        return None
    sqlite.checkpoint(present)
    kept = folder / copies.REPLACED / f"{now():%Y-%m-%dT%H%M%S.%f}.db"
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    for end in sqlite.LOGS:  # left only by a damaged database; they would damage the new one
        part = present.with_name(present.name + end)
        if part.exists():
            part.replace(kept.with_name(kept.name + end))
    try:
        os.link(present, kept)
    except OSError:  # a file system without links
        present.replace(kept)
    return kept


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def daily(store: Store, keep: int) -> Path | None:
    """Take today's copy where there is none yet, and remove all but the newest `keep`; UserError, OSError."""
    folder = store.path.parent / copies.BACKUPS
    target = folder / f"daily-{now():%Y-%m-%d}.db"
    if keep < 1 or target.exists():
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    backup(store, target)
    for old in in_sequence(folder.glob("daily-*.db"), target)[:-keep]:
        old.unlink()
    return target


def in_sequence(copies: Iterable[Path], newest: Path) -> list[Path]:
    """The copies as they were made: those dated after the newest are older, of a clock that was ahead."""
    return sorted(copies, key=lambda each: (each.name <= newest.name, each.name))


def keep_copies(store: Store, keep: int, ended: threading.Event, days: int = 0) -> None:
    """Copy the database daily and prune activity older than `days`, until `ended`; errors are logged.

    Every process of a service runs this, and the first that holds the lock does it for all.
    """
    wait = FIRST_SECONDS
    while not ended.wait(wait):
        with contextlib.suppress(Timeout), FileLock(store.path.with_name(LOCK), timeout=0):
            for name, done, work in (
                ("daily copy", "written to", lambda: daily(store, keep)),
                ("activity", "pruned, rows deleted:", lambda: journal.prune(store, days)),
                ("unfinished copies", "removed", lambda: copies.sweep(store.path.parent)),
            ):
                try:  # each for itself: the one that fails keeps none of the others
                    if result := work():
                        log.info("%s %s %s", name, done, result)
                except (UserError, OSError, *DB_ERRORS) as error:
                    log.error("%s failed: %s", name, error)
        store.disconnect()
        wait = LOOK_SECONDS
