"""Whom the files of a data folder belong to, also after root has run a command on it."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[None]:
    """A block that may create files in a data folder; they belong to the folder's owner then."""
    try:
        yield
    finally:
        give_back(folder)


def give_back(folder: Path) -> None:
    """Give what root has created in a data folder to the folder's owner: the service runs as that user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not folder.is_dir():
        return
    owner = folder.stat()
    if owner.st_uid == 0:
        return
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):  # gone meanwhile, or a link
                give(os.path.join(place, name), owner)


def give(path: str, owner: os.stat_result) -> None:
    """Give one of root's files or folders to the owner; OSError.

    Neither a link nor a file with a second name, by which the owner could be given any of root's files. But
    `restore` keeps what it replaces by such a name, until the new database has taken the first one.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        alone = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
        if found.st_uid == 0 and alone:
            os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)
