"""What only groups have: members, as rows. No write ever loads a group's member list."""

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import JOIN, SQL, Select, fn

from promapp_lite import wire
from promapp_lite.scim.members import Step
from promapp_lite.scim.patch import Document
from promapp_lite.scim.schema import GROUPS
from promapp_lite.store import activity
from promapp_lite.store.db import Statement, Store, slot
from promapp_lite.store.models import Group, Member, User
from promapp_lite.store.query import Condition, of_member, slots
from promapp_lite.store.users import given

ADD = Statement(
    Member.insert_from(
        Select([fn.json_each(slot("ids")).alias("given")], [slot("group_id"), SQL("given.value")]),
        [Member.group_id, Member.member_id],
    )
    .on_conflict_ignore()
    .returning(Member.member_id)
)
PAIR = SQL("given.value")
ADD_NAMED = Statement(
    Member.insert_from(
        Select(
            [fn.json_each(slot("pairs")).alias("given")],
            [slot("group_id"), fn.json_extract(PAIR, "$[0]"), fn.json_extract(PAIR, "$[1]")],
        ),
        [Member.group_id, Member.member_id, Member.display],
    )
    .on_conflict_ignore()
    .returning(Member.member_id)
)
IN_GROUP = Member.delete().where(Member.group_id == slot("group_id")).returning(Member.member_id)
REMOVE = Statement(IN_GROUP.where(Member.member_id.in_(given("ids"))))
KEEP = Statement(IN_GROUP.where(Member.member_id.not_in(given("ids"))))
LIST = Statement(
    Select(
        [fn.json_each(slot("ids")).alias("given")],
        [
            Member.group_id,
            Member.member_id,
            fn.IIF(User.id.is_null(), None, fn.COALESCE(Member.display, User.display_name)),
            fn.IIF(Group.id.is_null(), None, fn.COALESCE(Member.display, Group.display_name)),
        ],
    )
    .join(Member, on=(Member.group_id == PAIR))
    .join(User, JOIN.LEFT_OUTER, on=(User.id == Member.member_id))
    .join(Group, JOIN.LEFT_OUTER, on=(Group.id == Member.member_id))
    .order_by(SQL("given.key"), Member.member_id)
    .limit(slot("limit"))
)

MAX_SHOWN = 50_000
Held = tuple[str, str | None, str | None]  # id, name when it is a user, name when it is a group


def members_of(store: Store, ids: Sequence[str]) -> list[list[Held]]:
    """The members of each of these groups, in the groups' order, ordered by id.

    Where they are more than MAX_SHOWN together, only the first groups are answered, at least one, so that
    no page grows without end.
    """
    if not ids:
        return []
    rows = store.rows(LIST, ids=wire.dumps(ids), limit=MAX_SHOWN + 1)
    if len(rows) > MAX_SHOWN:
        ids = ids[: max(1, ids.index(rows[-1][0]))]
        rows = store.rows(LIST, ids=wire.dumps(ids), limit=-1)
    found: dict[str, list[Held]] = {id: [] for id in ids}
    for group, id, user, name in rows:
        found[group].append((id, user, name))
    return list(found.values())


def columns(document: Document) -> dict[str, Any]:
    """The matched columns of a group's document."""
    return {
        "display_key": wire.fold(document["displayName"]),
        "external_id": document.get("externalId"),
        "display_name": document["displayName"],
    }


def take(store: Store, id: str, steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Carry out member steps and return what really changed, as kept in the activity."""
    changes = []
    for step in steps:
        for act, statement, values in moves(step):
            moved = [member for (member,) in store.rows(statement, group_id=id, **values)]
            if moved:
                changes.append(activity.members(act, moved))
    return changes


def moves(step: Step) -> list[tuple[str, Statement, dict[str, Any]]]:
    """The statements of a step with their values; a filter over members is rare and compiled each time."""
    if step.tree is not None:
        chosen = IN_GROUP.where(Condition(GROUPS).build(step.tree, of_member))
        return [("remove", Statement(chosen), slots(step.tree))]
    values = {"ids": wire.dumps(step.ids)}
    if step.names:
        values["pairs"] = wire.dumps([(id, step.names.get(id)) for id in step.ids])
    return [(act, named if step.names else plain, values) for act, plain, named in STATEMENTS[step.act]]


STATEMENTS = {
    "add": [("add", ADD, ADD_NAMED)],
    "remove": [("remove", REMOVE, REMOVE)],
    "set": [("remove", KEEP, KEEP), ("add", ADD, ADD_NAMED)],
}


def empty(store: Store, id: str) -> list[str]:
    """Remove all members of a group and return their ids."""
    return [member for (member,) in store.rows(KEEP, group_id=id, ids="[]")]
