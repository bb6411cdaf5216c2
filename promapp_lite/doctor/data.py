"""The data folder and the database."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from promapp_lite.config import Settings
from promapp_lite.doctor.result import Result
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.engine import DB_ERRORS, sqlite

RESTORE = "stop the service, and run promapp-lite restore with the last good backup"
SECONDS = 5  # to wait for a program that writes


def folder(settings: Settings) -> Iterator[Result]:
    """Whether the data folder exists, is writable, belongs to one user, and is closed to others."""
    path = settings.data_dir
    if not path.is_dir() or not opening.exists(path):
        advice = "run promapp-lite init; if there was data, restore a backup"
        yield Result("fail", f"there is no data in {path}", advice)
        return
    if fault := unwritable(path):
        yield fault
        return
    if sys.platform != "win32":
        yield from ownership(path)
        if path.stat().st_mode & 0o077:
            yield Result("warn", f"other users can read {path}", f"run chmod 700 {path}")
    yield Result("ok", str(path))


def unwritable(path: Path) -> Result | None:
    """What keeps this user from writing to the folder and the files in it, None where nothing does."""
    if sys.platform != "win32" and os.statvfs(path).f_flag & os.ST_RDONLY:
        return Result(
            "fail", f"{path} is on a disk mounted read-only", "mount it writable, and look why it is not"
        )
    for each in (path, *path.iterdir()):
        if not os.access(each, os.W_OK):
            return Result(
                "fail", f"{each} is not writable", "run as the user who owns the folder, or as root"
            )
    return None


def ownership(path: Path) -> Iterator[Result]:
    """Whether the folder's owner, as whom the service runs, has every file in it."""
    owner = path.stat().st_uid
    others = [each for each in path.rglob("*") if each.lstat().st_uid != owner]
    if others:
        advice = f"run chown -R --reference={path} {path}"
        yield Result("fail", f"{others[0]} does not belong to the owner of {path}", advice)


def database(settings: Settings) -> Iterator[Result]:
    """Whether the database is ours, intact and not locked, and its schema is known to this program."""
    file = settings.data_dir / opening.DATABASE
    try:
        sqlite.integrity_check(file)
        known = opening.steps_in(file)
        opening.refuse_newer(file, known)
    except DB_ERRORS as error:
        yield Result("fail", str(error), RESTORE)
        return
    except UserError as refusal:
        yield Result("fail", str(refusal), "install the newer promapp-lite")
        return
    if not opening.is_ours(known):
        yield Result("fail", f"{file} is empty or another program's", RESTORE)
    elif sqlite.is_locked(file, SECONDS):
        advice = "close the program that has it open, a database browser or a copy, or restart the service"
        yield Result("fail", f"{file} has been locked by another program for {SECONDS} seconds", advice)
    else:
        yield Result("ok", f"intact, {file.stat().st_size:,} bytes; SQLite {sqlite.VERSION}")
