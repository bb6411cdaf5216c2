"""Reading the activity: the newest first, by person, action, result or cycle, from indexes only."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from peewee import Case, Node, Select, fn

from promapp_lite import jsonio
from promapp_lite.store.activity import cycles
from promapp_lite.store.directory import search
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.engine.dialect import listed
from promapp_lite.store.models import Activity, Admin, Cycle, Group, Token, User, rare

NEWEST = 2**62  # before the newest row
MAX_PEOPLE = 50  # whose rows a search shows
SHORT = 20_000  # characters of `changes` that a list reads
CHUNK = 1000
TRIED = {"create": ("POST",), "update": ("PATCH", "PUT"), "delete": ("DELETE",)}


class Entry(NamedTuple):
    """An activity row; `token` and `admin` say who asked.

    Of a row in a list `request` and `cycle_id` are not read, and `changes` only where it is short.
    """

    id: int
    at: str
    token: str | None
    admin: str | None
    address: str | None
    method: str
    path: str
    action: str
    resource_type: str | None
    resource_id: str | None
    name: str | None
    status: int
    scim_type: str | None
    detail: str | None
    ms: int
    times: int
    changes: Any
    request: str | None
    code: str | None
    facts: Any
    cycle_id: int | None

    @property
    def failed(self) -> bool:
        """Whether it was refused."""
        return self.status >= 400


class Filter(NamedTuple):
    """Which rows: `who` as typed, `action`, `result` ok or failed, one cycle, one resource."""

    who: str = ""
    action: str = ""
    result: str = ""
    cycle: int | None = None
    resource: str = ""


CYCLE = (
    Cycle.select(Cycle.id)
    .where((Cycle.token_id == Activity.token_id) & (Cycle.first <= Activity.id) & (Cycle.last >= Activity.id))
    .order_by(Cycle.id.desc())
    .limit(1)
)
NAMED = [model.select(model.display_name).where(model.id == Activity.resource_id) for model in (User, Group)]
WHOLE = {
    "name": fn.COALESCE(Activity.name, *NAMED),
    "token": Token.description,
    "admin": Admin.name,
    "changes": Activity.changes,
    "request": Activity.request,
    "cycle_id": CYCLE,
}
BRIEF = WHOLE | {
    "changes": Case(None, ((fn.length(Activity.changes) < SHORT, Activity.changes),)),
    "request": None,
    "facts": None,
    "cycle_id": None,
}
JOINED = (
    Activity.select()
    .left_outer_join(Token, on=(Token.id == Activity.token_id))
    .switch(Activity)
    .left_outer_join(Admin, on=(Admin.id == Activity.admin_id))
)


def columns(special: dict[str, Any]) -> list[Any]:
    """The columns of an Entry."""
    return [special[name] if name in special else getattr(Activity, name) for name in Entry._fields]


ONE = Statement(JOINED.select(*columns(WHOLE)).where(Activity.id == param("id")))
IDS: dict[str, Select] = {
    "User": User.select(User.id),
    "Group": Group.select(Group.id),
    "Activity": Activity.select(Activity.id),
}
POSITION = {"User": User.seq, "Group": Group.seq, "Activity": Activity.id}


def one(store: Store, id: int) -> Entry | None:
    """A row with all it holds."""
    found = store.row(ONE, id=id)
    return entry(found) if found else None


def page(store: Store, wanted: Filter, before: int = NEWEST, limit: int = 20) -> list[Entry]:
    """The newest rows older than `before` that pass the filter."""
    shape = (bool(wanted.who), wanted.action, wanted.result, wanted.cycle is not None, bool(wanted.resource))
    values: dict[str, Any] = {"before": before, "limit": limit}
    if wanted.cycle is not None:
        run = cycles.one(store, wanted.cycle)
        values |= {"token_id": run and run.token_id, "first": run and run.first, "last": run and run.last}
    if wanted.who:
        values |= people(store, wanted.who)
    rows = store.rows(listing(*shape), **values, resource=wanted.resource)
    return [entry(row) for row in rows]


def entry(row: tuple[Any, ...]) -> Entry:
    """The row with its changes and facts read."""
    found = Entry(*row)
    return found._replace(changes=read(found.changes), facts=read(found.facts))


def read(text: str | None) -> Any:
    """JSON as a value, None where there is none."""
    return orjson.loads(text) if text else None


def people(store: Store, who: str) -> dict[str, str]:
    """Ids of resources whose names begin so, deleted ones too, and of rows that only name one."""
    found = {
        kind: [id for (id,) in search.find(store, kind, who, query, POSITION[kind], limit=MAX_PEOPLE)]
        for kind, query in IDS.items()
    }
    return {"ids": jsonio.dumps(found["User"] + found["Group"]), "rows": jsonio.dumps(found["Activity"])}


@lru_cache(256)
def listing(who: bool, action: str, result: str, cycle: bool, resource: bool) -> Statement:
    """The statement of a page for one combination of filters."""
    conditions: list[Node] = [Activity.id < param("before"), *of_action(action, result)]
    if who:
        conditions.append(Activity.resource_id.in_(listed("ids")) | Activity.id.in_(listed("rows")))
    if cycle:
        conditions += [
            Activity.id.between(param("first"), param("last")),
            Activity.token_id == param("token_id"),
        ]
    if resource:
        conditions.append(Activity.resource_id == param("resource"))
    query = JOINED.select(*columns(BRIEF)).where(*conditions)
    return Statement(query.order_by(Activity.id.desc()).limit(param("limit")))


def of_action(action: str, result: str) -> list[Node]:
    """A failure is an action of its own; its method says what was tried."""
    if result == "failed":
        tried = [Activity.method.in_(TRIED[action])] if action in TRIED else []
        return [rare(), Activity.action == "fail", *tried]
    if action:
        return [Activity.action == action, *([rare()] if action != "update" else [])]
    return [Activity.action != "fail"] if result == "ok" else []


def all_pages(store: Store, wanted: Filter) -> Iterator[Entry]:
    """Every row that passes, the newest first, read in chunks so that millions fit in little memory."""
    before = NEWEST
    while rows := page(store, wanted, before, CHUNK):
        yield from rows
        before = rows[-1].id
