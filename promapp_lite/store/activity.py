"""The provisioning activity: one row for each write and each failure, in the transaction of the change."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from promapp_lite import wire
from promapp_lite.store import cycles, search
from promapp_lite.store.db import Statement, Store, slot
from promapp_lite.store.models import Activity, Word

MAX_IDS = 1000  # of a membership change, so many ids are kept; the count always is
MAX_REQUEST = 10_000  # characters of a refused request's body

FIELDS = [name for name in Activity._meta.sorted_field_names if name != "id"]
STEP = 500  # rows pruned in one transaction, so that no writer waits long
OLD = Activity.select(Activity.id).where(Activity.at < slot("before")).order_by(Activity.at).limit(STEP)
FORGET = Statement(Word.delete().where((Word.kind == "Activity") & Word.seq.in_(OLD)))
PRUNE = Statement(Activity.delete().where(Activity.id.in_(OLD)))
INSERT = Statement(
    Activity.insert({getattr(Activity, name): slot(name) for name in FIELDS}).returning(Activity.id)
)
UNFOUND = ("delete", "fail")  # whom they are about may be found nowhere else
EMPTY = dict.fromkeys(FIELDS)


@dataclass
class Caller:
    """Who asked for what, for the activity row: known before the work begins."""

    method: str
    path: str
    address: str | None = None
    token_id: int | None = None
    admin_id: int | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def ms(self) -> int:
        """Milliseconds since the request began."""
        return round((time.perf_counter() - self.started) * 1000)


def record(store: Store, caller: Caller, action: str, status: int, **facts: Any) -> int:
    """Write one row and count it in its cycle; `changes` is anything JSON can hold. The row's id.

    Call it inside the transaction of the change.
    """
    if caller.token_id is not None:
        counted = action if facts.get("changes") != [] else None
        facts["cycle_id"] = cycles.take(store, caller.token_id, counted)
    if facts.get("changes") is not None:
        facts["changes"] = wire.dumps(facts["changes"])
    row = EMPTY | {
        "at": wire.now(),
        "token_id": caller.token_id,
        "admin_id": caller.admin_id,
        "address": caller.address,
        "method": caller.method,
        "path": caller.path,
        "action": action,
        "status": status,
        "ms": caller.ms,
        "times": 1,
    }
    id = int(store.rows(INSERT, **(row | facts))[0][0])
    if action in UNFOUND and facts.get("name"):
        search.note(store, id, facts["name"])
    return id


def members(act: str, ids: list[str]) -> dict[str, Any]:
    """A membership change as it is kept in `changes`."""
    return {"path": "members", "op": act, "count": len(ids), "ids": ids[:MAX_IDS]}


def prune(store: Store, days: int) -> int:
    """Forget the rows older than so many days, in small transactions; their number. 0 keeps all."""
    if not days:
        return 0
    before, pruned = wire.stamp(datetime.now(UTC) - timedelta(days=days)), 0

    def step() -> int:
        store.run(FORGET, before=before)
        return int(store.run(PRUNE, before=before).rowcount)

    while gone := store.transact(step):
        pruned += gone
    return pruned
