"""The provisioning activity: one row for each write and each failure, in the transaction of the change."""

import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from peewee import Select

from promapp_lite import clock, jsonio
from promapp_lite.errors import ScimError
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.engine.dialect import listed
from promapp_lite.store.models import Activity, Word, failures

MAX_IDS = 1000  # of a membership change, so many ids are kept; the count always is
MAX_REQUEST = 10_000  # characters of a refused request's body
MAX_METHOD, MAX_PATH, MAX_ID = 20, 200, 255  # characters of what a caller chose
KEPT = 10_000  # of the newest rows, whatever their dates
MAX_FAILURES = 100_000  # rows of failures, whatever the age

FIELDS = [name for name in Activity._meta.sorted_field_names if name != "id"]
STEP = 500  # rows pruned in one transaction, so that no writer waits long
INSERT = Statement(  # hot: run by every write
    Activity.insert({getattr(Activity, name): param(name) for name in FIELDS}).returning(Activity.id)
)
EMPTY = dict.fromkeys(FIELDS)
REPEATED = Statement(
    Activity.delete()
    .where(Activity.cause == param("cause"))
    .returning(Activity.id, Activity.at, Activity.first, Activity.times, Activity.counted, Activity.indexed)
)
OVER = Statement(
    Activity.select(Activity.id)
    .where(failures())
    .order_by(Activity.id.desc())
    .limit(param("limit"))
    .offset(param("most"))
)
FORGET = Statement(Activity.delete().where(Activity.id.in_(listed("ids"))))
FORGET_WORDS = Statement(Word.delete().where((Word.kind == "Activity") & Word.seq.in_(listed("ids"))))


@dataclass
class Caller:
    """Who asked for what, for the activity row: known before the work begins."""

    method: str
    path: str
    address: str | None = None
    token_id: int | None = None
    admin_id: int | None = None
    only_reads: bool = False
    started: float = field(default_factory=time.perf_counter)

    @property
    def ms(self) -> int:
        """Milliseconds since the request began."""
        return round((time.perf_counter() - self.started) * 1000)


class ActivityEvent(NamedTuple):
    """The columns of a row that the indexer reads; `idle` where it changed nothing.

    `times` is how many requests it stands for that are in no cycle yet.
    """

    id: int
    at: str
    token_id: int | None
    action: str
    resource_type: str | None
    resource_id: str | None
    name: str | None
    idle: bool
    times: int = 1


def record(store: Store, caller: Caller, action: str, status: int, **facts: Any) -> int:
    """Write one row; `changes` is anything JSON can hold. The row's id.

    Call it inside the transaction of the change. What is derived from it follows (`indexer`).
    """
    if facts.get("changes") is not None:
        facts["changes"] = jsonio.dumps(facts["changes"])
    row = EMPTY | {
        "at": clock.now(),
        "token_id": caller.token_id,
        "admin_id": caller.admin_id,
        "address": caller.address,
        "method": caller.method[:MAX_METHOD],
        "path": caller.path[:MAX_PATH],
        "action": action,
        "status": status,
        "ms": caller.ms,
        "times": 1,
        "indexed": False,
    }
    store.behind = True
    return int(store.rows(INSERT, **(row | facts))[0][0])


def fail(store: Store, caller: Caller, error: ScimError, **facts: Any) -> None:
    """Keep a failure, inside a transaction: one row for each cause, which moves up and counts on."""
    for name in ("resource_id", "name"):
        facts[name] = facts[name] and facts[name][:MAX_ID]
    cause = cause_of(caller, error, facts)
    for id, at, first, times, counted, indexed in store.rows(REPEATED, cause=cause):
        store.run(FORGET_WORDS, ids=jsonio.dumps([id]))
        facts |= {"first": first or at, "times": times + 1, "counted": times if indexed else counted}
    record(store, caller, "fail", error.status, cause=cause, **facts, **refused(error))


def cause_of(caller: Caller, error: ScimError, facts: dict[str, Any]) -> str:
    """What is the same when a failure repeats: the token and the code, of one that writes the object too.

    A read-only token chooses nothing by which more rows could be made.
    """
    parts = [caller.token_id, error.code]
    if not caller.only_reads:
        place = error.values.get("attribute") or error.values.get("path")
        parts += [place, facts["resource_type"], facts["resource_id"] or facts["name"]]
    return hashlib.sha256(jsonio.dumps(parts).encode()).hexdigest()


def keep_few_failures(store: Store) -> None:
    """Forget the oldest failures beyond MAX_FAILURES, inside a transaction."""
    forget(store, [id for (id,) in store.rows(OVER, most=MAX_FAILURES, limit=STEP)])


def forget(store: Store, ids: list[int]) -> None:
    """Forget rows with their words, inside a transaction."""
    if ids:
        store.run(FORGET_WORDS, ids=jsonio.dumps(ids))
        store.run(FORGET, ids=jsonio.dumps(ids))


def refused(error: ScimError) -> dict[str, Any]:
    """A refusal as stored: the text sent to the caller, and the code and values of the recommended action."""
    return {
        "scim_type": error.scim_type,
        "detail": error.detail,
        "code": error.code,
        "facts": jsonio.dumps(error.values),
    }


def members(act: str, ids: list[str]) -> dict[str, Any]:
    """A membership change as it is kept in `changes`."""
    return {"path": "members", "op": act, "count": len(ids), "ids": ids[:MAX_IDS]}


def last_time(store: Store) -> str:
    """The time of the newest row, "" where there is none."""
    found = store.first(Activity.select(Activity.at).order_by(Activity.id.desc()))
    return found[0] if found else ""


def prune(store: Store, days: int) -> int:
    """Forget the rows older than so many days, in small transactions; their number. 0 keeps all.

    The newest KEPT stay whatever their dates, so that a clock that is ahead for a minute costs little, and
    rows dated in the future keep none of those after them.
    """
    now, pruned, after = datetime.now(UTC), 0, 0
    before, present = clock.stamp(now - timedelta(days=days)), clock.stamp(now)
    while days and (rows := store.select(prunable(after))):
        old = [id for id, at in rows if at < before]
        if old:
            with store.write():
                forget(store, old)
        pruned, after = pruned + len(old), rows[-1][0]
        if not old and all(at <= present for _, at in rows):
            break
    return pruned


def prunable(after: int) -> Select:
    """Some rows after that one, the oldest first, but none of the newest."""
    newest = Activity.select(Activity.id).order_by(Activity.id.desc()).offset(KEPT - 1).limit(1)
    rows = Activity.select(Activity.id, Activity.at).where((Activity.id > after) & (Activity.id < newest))
    return rows.order_by(Activity.id).limit(STEP)
