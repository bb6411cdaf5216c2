"""Clock, disk, and searches that no index helps."""

import contextlib
import shutil
from collections.abc import Iterator

from promapp_lite import clock
from promapp_lite.config import Settings
from promapp_lite.doctor.result import Result
from promapp_lite.store import opening
from promapp_lite.store.directory import indexes
from promapp_lite.store.engine import DB_ERRORS, Store, sqlite
from promapp_lite.store.models import Activity

LOW = 500 * 1024 * 1024
BEGINNING = "2026-01-01"  # no right clock is before it


def clock_ahead(settings: Settings) -> Iterator[Result]:
    """Whether the clock can be right: not before this program, nor before what it has written."""
    now, last = clock.now(), max(last_activity(settings), BEGINNING)
    if now < last:
        found = f"it says {now}, but something happened at {last}"
        yield Result("fail", found, "set it, by NTP: tokens and certificates depend on it")
    else:
        yield Result("ok", now)


def last_activity(settings: Settings) -> str:
    """When the last request was written down, "" where none can be read."""
    database = sqlite.read_only(settings.data_dir / opening.DATABASE)
    with contextlib.suppress(*DB_ERRORS), database.connection_context():
        newest = Activity.select(Activity.at).order_by(Activity.at.desc())
        return newest.bind(database).scalar() or ""
    return ""


def disk(settings: Settings) -> Iterator[Result]:
    """Whether there is room: for the data twice, as a copy is taken a day."""
    free = shutil.disk_usage(settings.data_dir).free
    wanted = max(LOW, 2 * (settings.data_dir / opening.DATABASE).stat().st_size)
    found = f"{free // 1024**2:,} MB free"
    if free < wanted:
        yield Result("warn", found, f"free some space: {wanted // 1024**2:,} MB are wanted, or writes stop")
    else:
        yield Result("ok", found)


def searches(settings: Settings) -> Iterator[Result]:
    """Whether people are often searched by an attribute without an index."""
    store = Store(settings.data_dir / opening.DATABASE)
    with contextlib.suppress(*DB_ERRORS), contextlib.closing(store):
        for each in indexes.undeclared(store):
            found = f"{each.path} was searched by {each.searches:,} times in a day and has no index"
            yield Result("warn", found, f"add to config.toml: {each.setting}")
