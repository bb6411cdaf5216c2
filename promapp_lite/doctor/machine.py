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
    """Whether the clock is plausible: later than this release and than the last activity."""
    now, last = clock.now(), max(last_activity(settings), BEGINNING)
    if now < last:
        found = f"it says {now}, earlier than the last activity at {last}"
        yield Result("fail", found, "set it, preferably by NTP: tokens and certificates depend on it")
    else:
        yield Result("ok", now)


def last_activity(settings: Settings) -> str:
    """Time of the last activity, "" if none can be read."""
    database = sqlite.read_only(settings.data_dir / opening.DATABASE)
    with contextlib.suppress(*DB_ERRORS), database.connection_context():
        newest = Activity.select(Activity.at).order_by(Activity.at.desc())
        return newest.bind(database).scalar() or ""
    return ""


def disk(settings: Settings) -> Iterator[Result]:
    """Whether there is room for twice the data, as it is copied daily."""
    free = shutil.disk_usage(settings.data_dir).free
    wanted = max(LOW, 2 * (settings.data_dir / opening.DATABASE).stat().st_size)
    found = f"{free // 1024**2:,} MB free"
    if free < wanted:
        yield Result(
            "warn", found, f"free some space: {wanted // 1024**2:,} MB are needed, or writes will fail"
        )
    else:
        yield Result("ok", found)


def searches(settings: Settings) -> Iterator[Result]:
    """Whether people are often searched by an attribute without an index."""
    store = Store(settings.data_dir / opening.DATABASE)
    with contextlib.suppress(*DB_ERRORS), contextlib.closing(store):
        for each in indexes.undeclared(store):
            found = f"{each.path} has no index and was searched {each.searches:,} times in a day"
            yield Result("warn", found, f"add to config.toml: {each.setting}")
