"""The data folder and the database."""

import os
from collections.abc import Iterator

from promapp_lite.config import Settings
from promapp_lite.doctor.result import Result
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.engine import DB_ERRORS, sqlite

RESTORE = "run promapp-lite restore with the last good backup"


def folder(settings: Settings) -> Iterator[Result]:
    """Whether the data folder exists, is writable, and is closed to other users."""
    path = settings.data_dir
    if not opening.exists(path):
        yield Result("fail", f"there is no data in {path}", "run promapp-lite init")
        return
    if not os.access(path, os.W_OK):
        yield Result("fail", f"{path} is not writable", "run as the user who owns it")
        return
    if os.name != "nt" and path.stat().st_mode & 0o077:
        yield Result("warn", f"other users can read {path}", f"run chmod 700 {path}")
    yield Result("ok", str(path))


def database(settings: Settings) -> Iterator[Result]:
    """Whether the database is intact and its schema is known to this program."""
    file = settings.data_dir / opening.DATABASE
    try:
        sqlite.integrity_check(file)
        found = sqlite.read_only(file)
        with found.connection_context():
            known = opening.steps(found)
        opening.refuse_newer(file, known)
    except DB_ERRORS as error:
        yield Result("fail", str(error), RESTORE)
    except UserError as refusal:
        yield Result("fail", str(refusal), "install the newer promapp-lite")
    else:
        if not any(each.applied for each in known):
            yield Result("fail", f"{file} is empty or another program's", RESTORE)
            return
        yield Result("ok", f"intact, {file.stat().st_size:,} bytes")
