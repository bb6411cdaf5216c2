"""Who is here, as the console lists them: by name as it is typed, or the newest first."""

from typing import Any, NamedTuple

import orjson
from peewee import Select, fn

from promapp_lite.jsonio import Document
from promapp_lite.store.directory import search
from promapp_lite.store.engine import Store
from promapp_lite.store.models import Activity, Group, Member, User, rare

NEWEST = 2**62
SHOWN = ("people", "active", "disabled", "groups", "deleted")


class Person(NamedTuple):
    """A line of the list of people."""

    seq: int
    id: str
    name: str
    active: bool | None
    modified: str
    document: Document


class Team(NamedTuple):
    """A line of the list of groups."""

    seq: int
    id: str
    name: str
    modified: str
    members: int


class Gone(NamedTuple):
    """A line of the list of what was deleted; `seq` is the activity row to restore from."""

    seq: int
    id: str
    name: str
    deleted: str
    kind: str


class Held(NamedTuple):
    """A member of a group: `name` is None if the id is unknown."""

    id: str
    name: str | None
    kind: str | None
    active: bool | None


PEOPLE = User.select(User.seq, User.id, User.display_name, User.active, User.modified, User.doc)
SIZE = Member.select(fn.COUNT(Member.member_id)).where(Member.group_id == Group.id)
TEAMS = Group.select(Group.seq, Group.id, Group.display_name, Group.modified, SIZE)
Later = Activity.alias()
SINCE = Later.select(Later.id).where(
    (Later.resource_id == Activity.resource_id) & (Later.action == "delete") & (Later.id > Activity.id)
)
GONE = Activity.select(
    Activity.id, Activity.resource_id, Activity.name, Activity.at, Activity.resource_type
).where(
    rare()
    & (Activity.action == "delete")
    & ~fn.EXISTS(User.select(User.id).where(User.id == Activity.resource_id))
    & ~fn.EXISTS(Group.select(Group.id).where(Group.id == Activity.resource_id))
    & ~fn.EXISTS(SINCE)
)
LISTS: dict[str, tuple[str, Select, Any, type[Any]]] = {
    "people": ("User", PEOPLE, User.seq, Person),
    "active": ("User", PEOPLE.where(User.active == True), User.seq, Person),  # noqa: E712
    "disabled": ("User", PEOPLE.where(User.active == False), User.seq, Person),  # noqa: E712
    "groups": ("Group", TEAMS, Group.seq, Team),
    "deleted": ("Activity", GONE, Activity.id, Gone),
}


def listed(store: Store, show: str, text: str, before: int = NEWEST, limit: int = 20) -> list[Any]:
    """Those whose words begin as typed, or where nothing is typed the newest older than `before`."""
    kind, query, position, row = LISTS[show]
    if text.strip():
        rows = search.find(store, kind, text, query, position, limit=limit)
    else:
        newest = query.where(position < before).order_by(position.desc())
        rows = store.select(newest.limit(limit))
    return [read(row(*each)) for each in rows]


def read(row: Any) -> Any:
    """The line with its document read."""
    return row._replace(document=orjson.loads(row.document)) if "document" in row._fields else row


def counts(store: Store) -> dict[str, int]:
    """How many people there are in all, active and disabled, and how many groups."""
    states = dict(store.select(User.select(User.active, fn.COUNT(User.seq)).group_by(User.active)))
    found = store.first(Group.select(fn.COUNT(Group.seq)))
    return {
        "people": sum(states.values()),
        "active": states.get(1, 0),
        "disabled": states.get(0, 0),
        "groups": found[0] if found else 0,
    }


def members(store: Store, id: str, after: str, limit: int) -> tuple[list[Held], int]:
    """The members of a group from an id on, and how many there are in all."""
    named = (
        Member.select(Member.member_id, User.display_name, Group.display_name, User.active)
        .left_outer_join(User, on=(User.id == Member.member_id))
        .switch(Member)
        .left_outer_join(Group, on=(Group.id == Member.member_id))
        .where((Member.group_id == id) & (Member.member_id > after))
        .order_by(Member.member_id)
    )
    rows = [
        Held(member, user or group, "User" if user else "Group" if group else None, active)
        for member, user, group, active in store.select(named.limit(limit))
    ]
    found = store.first(Member.select(fn.COUNT(Member.member_id)).where(Member.group_id == id))
    return rows, found[0] if found else 0


def name_of(store: Store, id: str) -> str | None:
    """The display name of a user, None if the id is unknown."""
    found = store.first(User.select(User.display_name).where(User.id == id))
    return found[0] if found else None
