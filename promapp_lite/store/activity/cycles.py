"""Provisioning cycles: a run of requests by one token, counted from the activity."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from peewee import SQL, Select, fn

from promapp_lite import clock
from promapp_lite.store.activity.journal import ActivityEvent
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Cycle as CycleRow
from promapp_lite.store.models import Token

GAP = timedelta(minutes=10)  # Entra rests about 40 minutes between cycles, seconds within one
COLUMNS = {
    "test": CycleRow.tested,
    "create": CycleRow.created,
    "update": CycleRow.updated,
    "enable": CycleRow.enabled,
    "disable": CycleRow.disabled,
    "delete": CycleRow.deleted,
    "fail": CycleRow.failed,
}
COUNTS = ("created", "updated", "enabled", "disabled", "deleted", "failed")
CHANGED = CycleRow.created + CycleRow.updated + CycleRow.enabled + CycleRow.disabled + CycleRow.deleted
WORKED = CHANGED + CycleRow.failed

# Hot: run for every step of the indexer, while writers wait.
NEWEST = Statement(
    CycleRow.select(CycleRow.id, CycleRow.ended, CycleRow.first, CycleRow.last)
    .where(CycleRow.token_id == param("token_id"))
    .order_by(CycleRow.id.desc())
    .limit(1)
)
BEGIN = Statement(
    CycleRow.insert(
        {
            CycleRow.token_id: param("token_id"),
            CycleRow.started: param("at"),
            CycleRow.ended: param("at"),
            CycleRow.first: param("row"),
            CycleRow.last: param("row"),
        }
        | dict.fromkeys(COLUMNS.values(), 0)
    ).returning(CycleRow.id)
)
GO_ON = Statement(
    CycleRow.update(
        {CycleRow.ended: param("at"), CycleRow.first: param("first"), CycleRow.last: param("last")}
        | {column: column + param(action) for action, column in COLUMNS.items()}
    ).where(CycleRow.id == param("id"))
)


@dataclass
class OpenCycle:
    """A cycle that goes on: its end, its rows, and what has been counted and is not written yet."""

    id: int
    at: str
    first: int
    last: int
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, row: ActivityEvent) -> None:
        """Reach to that row, which may be an earlier one that became visible late."""
        self.at = max(self.at, row.at)
        self.first, self.last = min(self.first, row.id), max(self.last, row.id)
        self.counts[row.action] += 0 if row.idle else row.times


class Cycle(NamedTuple):
    """One cycle: its times, its rows of activity, and how many requests did what."""

    id: int
    token: str | None
    started: str
    ended: str
    token_id: int
    first: int
    last: int
    tested: int
    created: int
    updated: int
    enabled: int
    disabled: int
    deleted: int
    failed: int

    @property
    def counts(self) -> dict[str, int]:
        """The counters that are not zero."""
        return {name: getattr(self, name) for name in COUNTS if getattr(self, name)}


def count(store: Store, rows: Iterable[ActivityEvent]) -> None:
    """Count rows of activity, in their order, in the cycles of their tokens; call it inside a transaction."""
    going: dict[int, OpenCycle] = {}
    for row in rows:
        if row.token_id is None:
            continue
        run = going.get(row.token_id) or newest(store, row.token_id)
        # apart in either direction: a clock that was ahead leaves no cycle that goes on until its time comes
        if run is None or abs(clock.moment(row.at) - clock.moment(run.at)) > GAP:
            write(store, going.pop(row.token_id, None))
            run = begin(store, row)
        run.add(row)
        going[row.token_id] = run
    for each in going.values():
        write(store, each)


def newest(store: Store, token_id: int) -> OpenCycle | None:
    """The last cycle of a token."""
    found = store.row(NEWEST, token_id=token_id)
    return OpenCycle(*found) if found else None


def begin(store: Store, row: ActivityEvent) -> OpenCycle:
    """A new cycle that begins with a row."""
    zero = dict.fromkeys(COLUMNS, 0)
    made = store.rows(BEGIN, token_id=row.token_id, at=row.at, row=row.id, **zero)
    return OpenCycle(made[0][0], row.at, row.id, row.id)


def write(store: Store, run: OpenCycle | None) -> None:
    """Write what has been counted."""
    if run is not None:
        counts = {action: run.counts[action] for action in COLUMNS}
        store.run(GO_ON, id=run.id, at=run.at, first=run.first, last=run.last, **counts)


def select() -> Select:
    """The cycles with the description of their tokens."""
    columns = (Token.description if name == "token" else getattr(CycleRow, name) for name in Cycle._fields)
    return CycleRow.select(*columns).left_outer_join(Token, on=(Token.id == CycleRow.token_id))


def last(store: Store) -> Cycle | None:
    """The cycle that was heard of last, whatever the clock said then."""
    found = store.first(select().order_by(CycleRow.last.desc()))
    return Cycle(*found) if found else None


def latest_start(store: Store) -> str:
    """The latest time at which a cycle has begun, "" where none has; a clock that was ahead leaves it."""
    found = store.first(CycleRow.select(CycleRow.started).order_by(CycleRow.started.desc()))
    return found[0] if found else ""


def one(store: Store, id: int) -> Cycle | None:
    """A cycle by its id."""
    found = store.first(select().where(CycleRow.id == id))
    return Cycle(*found) if found else None


def worked(store: Store, before: int, limit: int) -> list[Cycle]:
    """The newest cycles older than `before` that changed or refused something."""
    older = select().where((CycleRow.id < before) & (WORKED > 0))
    return [Cycle(*row) for row in store.select(older.order_by(CycleRow.id.desc()).limit(limit))]


def days(store: Store, count: int) -> list[tuple[str, int, int]]:
    """Changes and failures of each of the last days, today the last: (date, changed, failed)."""
    today = datetime.now(UTC)
    dates = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in reversed(range(count))]
    day = fn.substr(CycleRow.started, 1, 10)
    sums = CycleRow.select(day, fn.SUM(CHANGED), fn.SUM(CycleRow.failed))
    rows = store.select(sums.where(CycleRow.started >= dates[0]).group_by(SQL("1")))
    found = {day: (changed, failed) for day, changed, failed in rows}
    return [(day, *found.get(day, (0, 0))) for day in dates]


def milestones(store: Store) -> tuple[str | None, str | None, str | None]:
    """When Test Connection was first seen, the first change made, and the first whole cycle done."""
    over = clock.stamp(datetime.now(UTC) - GAP)
    return (
        earliest(store, CycleRow.started, CycleRow.tested > 0),
        earliest(store, CycleRow.started, CHANGED > 0),
        earliest(store, CycleRow.ended, (CHANGED > 0) & (CycleRow.ended < over)),
    )


def earliest(store: Store, moment: Any, condition: Any) -> str | None:
    """That moment of the first cycle of which it is true."""
    found = store.first(CycleRow.select(moment).where(condition).order_by(CycleRow.id))
    return found[0] if found else None
