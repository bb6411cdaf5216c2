"""What only groups have: members, as rows. No write ever loads a group's member list."""

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import Case, fn

from promapp_lite import wire
from promapp_lite.scim.members import Step
from promapp_lite.scim.patch import Document
from promapp_lite.scim.resource import location
from promapp_lite.scim.schema import GROUPS, KINDS, USERS, Kind
from promapp_lite.store import activity
from promapp_lite.store.db import Statement, Store, slot
from promapp_lite.store.models import Group, Member, User
from promapp_lite.store.query import Condition, of_member, slots
from promapp_lite.store.users import GIVEN, given

ADD = Statement(
    Member.insert_from(
        given("ids", slot("group_id"), GIVEN),
        [Member.group_id, Member.member_id],
    )
    .on_conflict_ignore()
    .returning(Member.member_id)
)
ADD_NAMED = Statement(
    Member.insert_from(
        given("pairs", slot("group_id"), fn.json_extract(GIVEN, "$[0]"), fn.json_extract(GIVEN, "$[1]")),
        [Member.group_id, Member.member_id, Member.display],
    )
    .on_conflict_ignore()
    .returning(Member.member_id)
)
IN_GROUP = Member.delete().where(Member.group_id == slot("group_id")).returning(Member.member_id)
REMOVE = Statement(IN_GROUP.where(Member.member_id.in_(given("ids"))))
KEEP = Statement(IN_GROUP.where(Member.member_id.not_in(given("ids"))))


def shown(kind: Kind, model: Any) -> Any:
    """A member who is here, as RFC 7643 §4.2 shows one; the name that was sent with it goes first."""
    address = slot(kind.name).concat(Member.member_id)
    name = fn.COALESCE(Member.display, model.display_name)
    facts = ("value", Member.member_id, "$ref", address, "type", kind.name, "display", name)
    return model.id.is_null(False), fn.json_object(*facts)


LIST = Statement(
    Member.select(
        Case(None, (shown(USERS, User), shown(GROUPS, Group)), fn.json_object("value", Member.member_id))
    )
    .left_outer_join(User, on=(User.id == Member.member_id))
    .switch(Member)
    .left_outer_join(Group, on=(Group.id == Member.member_id))
    .where(Member.group_id == slot("id"))
    .order_by(Member.member_id)
)

MAX_SHOWN = 50_000


def members_of(store: Store, ids: Sequence[str], base: str) -> list[str]:
    """The members of each of these groups as a JSON list, by id. The engine makes it, as they can be many.

    Where they are more than MAX_SHOWN together, only the first groups are answered, at least one, so that
    no page grows without end.
    """
    found: list[str] = []
    count = 0
    places = {kind.name: location(kind, base, "") for kind in KINDS}
    for id in ids:
        rows = store.rows(LIST, id=id, **places)
        count += len(rows)
        if found and count > MAX_SHOWN:
            break
        found.append(f"[{','.join(member for (member,) in rows)}]")
    return found


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
