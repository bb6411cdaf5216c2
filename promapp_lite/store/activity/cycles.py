"""Provisioning cycles: a run of requests by one token, counted from the activity that tells of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from peewee import SQL, fn

from promapp_lite import clock
from promapp_lite.store.activity.journal import Happened
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Cycle, Token

GAP = timedelta(minutes=10)  # Entra rests about 40 minutes between cycles, seconds within one
COLUMNS = {
    "test": Cycle.tested,
    "create": Cycle.created,
    "update": Cycle.updated,
    "enable": Cycle.enabled,
    "disable": Cycle.disabled,
    "delete": Cycle.deleted,
    "fail": Cycle.failed,
}
COUNTS = ("created", "updated", "enabled", "disabled", "deleted", "failed")
CHANGED = Cycle.created + Cycle.updated + Cycle.enabled + Cycle.disabled + Cycle.deleted
WORKED = CHANGED + Cycle.failed

NEWEST = Statement(
    Cycle.select(Cycle.id, Cycle.ended, Cycle.first, Cycle.last)
    .where(Cycle.token_id == param("token_id"))
    .order_by(Cycle.id.desc())
    .limit(1)
)
BEGIN = Statement(
    Cycle.insert(
        {
            Cycle.token_id: param("token_id"),
            Cycle.started: param("at"),
            Cycle.ended: param("at"),
            Cycle.first: param("row"),
            Cycle.last: param("row"),
        }
        | dict.fromkeys(COLUMNS.values(), 0)
    ).returning(Cycle.id)
)
GO_ON = Statement(
    Cycle.update(
        {Cycle.ended: param("at"), Cycle.first: param("first"), Cycle.last: param("last")}
        | {column: column + param(action) for action, column in COLUMNS.items()}
    ).where(Cycle.id == param("id"))
)


@dataclass
class Going:
    """A cycle that goes on: its end, its rows, and what has been counted and is not written yet."""

    id: int
    at: str
    first: int
    last: int
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, row: Happened) -> None:
        """Reach to that row, which may be an earlier one that became visible late."""
        self.at = max(self.at, row.at)
        self.first, self.last = min(self.first, row.id), max(self.last, row.id)
        self.counts[row.action] += not row.idle


class Run(NamedTuple):
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
        """What happened, without what did not."""
        return {name: getattr(self, name) for name in COUNTS if getattr(self, name)}


SELECT = Cycle.select(
    *(Token.description if name == "token" else getattr(Cycle, name) for name in Run._fields)
).left_outer_join(Token, on=(Token.id == Cycle.token_id))
NEXT = SELECT.where(Cycle.id < param("before")).order_by(Cycle.id.desc()).limit(param("limit"))
LAST = Statement(SELECT.order_by(Cycle.ended.desc()).limit(1))
WITH_WORK = Statement(NEXT.where(WORKED > 0))
ONE = Statement(SELECT.where(Cycle.id == param("id")))
DAYS = Statement(
    Cycle.select(fn.substr(Cycle.started, 1, 10), fn.SUM(CHANGED), fn.SUM(Cycle.failed))
    .where(Cycle.started >= param("since"))
    .group_by(SQL("1"))
)
TESTED = Statement(Cycle.select(Cycle.started).where(Cycle.tested > 0).order_by(Cycle.id).limit(1))
PROVISIONED = Statement(Cycle.select(Cycle.started).where(CHANGED > 0).order_by(Cycle.id).limit(1))
WHOLE = Statement(
    Cycle.select(Cycle.ended)
    .where((CHANGED > 0) & (Cycle.ended < param("before")))
    .order_by(Cycle.id)
    .limit(1)
)


def count(store: Store, rows: Iterable[Happened]) -> None:
    """Count rows of activity, in their order, in the cycles of their tokens; call it inside a transaction."""
    going: dict[int, Going] = {}
    for row in rows:
        if row.token_id is None:
            continue
        run = going.get(row.token_id) or newest(store, row.token_id)
        if run is None or clock.moment(row.at) - clock.moment(run.at) > GAP:
            write(store, going.pop(row.token_id, None))
            run = begin(store, row)
        run.add(row)
        going[row.token_id] = run
    for each in going.values():
        write(store, each)


def newest(store: Store, token_id: int) -> Going | None:
    """The last cycle of a token."""
    found = store.row(NEWEST, token_id=token_id)
    return Going(*found) if found else None


def begin(store: Store, row: Happened) -> Going:
    """A new cycle that begins with a row."""
    zero = dict.fromkeys(COLUMNS, 0)
    made = store.rows(BEGIN, token_id=row.token_id, at=row.at, row=row.id, **zero)
    return Going(made[0][0], row.at, row.id, row.id)


def write(store: Store, run: Going | None) -> None:
    """Write what has been counted."""
    if run is not None:
        counts = {action: run.counts[action] for action in COLUMNS}
        store.run(GO_ON, id=run.id, at=run.at, first=run.first, last=run.last, **counts)


def last(store: Store) -> Run | None:
    """The cycle that was heard of last."""
    found = store.row(LAST)
    return Run(*found) if found else None


def one(store: Store, id: int) -> Run | None:
    """A cycle by its id."""
    found = store.row(ONE, id=id)
    return Run(*found) if found else None


def worked(store: Store, before: int, limit: int) -> list[Run]:
    """The newest cycles older than `before` that changed or refused something."""
    return [Run(*row) for row in store.rows(WITH_WORK, before=before, limit=limit)]


def days(store: Store, count: int) -> list[tuple[str, int, int]]:
    """Changes and failures of each of the last days, today the last: (date, changed, failed)."""
    today = datetime.now(UTC)
    dates = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in reversed(range(count))]
    found = {day: (changed, failed) for day, changed, failed in store.rows(DAYS, since=dates[0])}
    return [(day, *found.get(day, (0, 0))) for day in dates]


def milestones(store: Store) -> tuple[str | None, str | None, str | None]:
    """When Test Connection was first seen, the first change made, and the first whole cycle done."""
    over = clock.stamp(datetime.now(UTC) - GAP)
    rows = (store.row(TESTED), store.row(PROVISIONED), store.row(WHOLE, before=over))
    tested, provisioned, whole = (row[0] if row else None for row in rows)
    return tested, provisioned, whole
