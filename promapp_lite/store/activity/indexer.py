"""What is derived from the activity and follows the writes: the words to search by, and the cycles.

A write that touches few pages is quick to keep. So these are brought up to date in batches, from the rows
written since: by `serve` every second, and before the console shows anything. Each row says whether it is
in there: a row may become visible after one with a higher number.
"""

import logging
import threading

from peewee import fn

from promapp_lite import jsonio
from promapp_lite.store.activity import cycles, journal
from promapp_lite.store.activity.journal import ActivityEvent
from promapp_lite.store.directory import indexes, search
from promapp_lite.store.engine import DB_ERRORS, Statement, Store, param
from promapp_lite.store.engine.dialect import listed
from promapp_lite.store.models import Activity, unindexed

log = logging.getLogger("promapp_lite")

STEP = 50  # rows followed in one transaction, two milliseconds or so, as writers wait for it
SECONDS = 1
NEW = Activity.select().where(unindexed()).order_by(Activity.id)
BEHIND = Statement(NEW.select(Activity.id).limit(1))
DONE = Statement(Activity.update({Activity.indexed: True}).where(Activity.id.in_(listed("ids"))))
NEXT = Statement(
    NEW.select(
        *(getattr(Activity, name) for name in ActivityEvent._fields if name not in ("idle", "times")),
        fn.COALESCE(Activity.changes, "") == "[]",
        Activity.times - fn.COALESCE(Activity.counted, 0),
    ).limit(param("step"))
)


def catch_up(store: Store, step: int = STEP) -> None:
    """Follow the activity to its end, in small transactions; DB_ERRORS where nothing can be written."""
    try:
        while store.row(BEHIND):
            with store.write():
                take(store, step)
    except DB_ERRORS:
        store.behind = True
        raise


def take(store: Store, step: int) -> None:
    """Follow the next rows."""
    store.behind = False
    rows = [ActivityEvent(*row) for row in store.rows(NEXT, step=step)]
    if rows:  # another process was not quicker
        cycles.count(store, rows)
        search.follow(store, rows)
        store.run(DONE, ids=jsonio.dumps([row.id for row in rows]))
        if any(row.action == "fail" for row in rows):
            journal.keep_few_failures(store)


def keep_up(store: Store, ended: threading.Event) -> None:
    """Index the activity until `ended`; an error is logged once, until indexing works again.

    Only a process that wrote does so, because a write invalidates the other processes' page caches.
    """
    logged = False
    while not ended.wait(SECONDS):
        try:
            if store.behind:
                catch_up(store)
            indexes.write_counts(store)
            logged = False
        except DB_ERRORS as error:
            if not logged:
                log.error("search and cycles are not up to date: %s", error)
            logged = True
    store.disconnect()
