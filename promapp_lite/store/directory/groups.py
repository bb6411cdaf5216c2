"""What only groups have: members, as rows. No write ever loads a group's member list."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from peewee import Case, Value, fn

from promapp_lite import jsonio
from promapp_lite.jsonio import Document
from promapp_lite.scim.membership import MembershipChange
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource import location
from promapp_lite.scim.resource_types import GROUPS, RESOURCE_TYPES, USERS
from promapp_lite.store.activity import journal
from promapp_lite.store.directory.filters import Condition, of_member, params
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.engine.dialect import element, item, list_of, listed
from promapp_lite.store.models import Group, Member, User
from promapp_lite.text import fold

ADD = Statement(
    Member.insert_from(
        listed("ids", param("group_id"), element("given")),
        [Member.group_id, Member.member_id],
    )
    .on_conflict_ignore()
    .returning(Member.member_id)
)
ADD_NAMED = Statement(
    Member.insert_from(
        listed("pairs", param("group_id"), item("given", 0), item("given", 1)),
        [Member.group_id, Member.member_id, Member.display],
    )
    .on_conflict_ignore()
    .returning(Member.member_id)
)
IN_GROUP = Member.delete().where(Member.group_id == param("group_id")).returning(Member.member_id)
REMOVE = Statement(IN_GROUP.where(Member.member_id.in_(listed("ids"))))
KEEP = Statement(IN_GROUP.where(Member.member_id.not_in(listed("ids"))))


def here(model: Any, fact: Any) -> Any:
    """A fact about the member, where it is here as such a resource."""
    return model.select(fact).where(model.id == Member.member_id)


# The ids, resource types and names of a group's members, each a JSON list: a sixth faster than to make an
# object for each in SQL. The name that was sent with a member goes before the one it has here.
LIST = Statement(
    Member.select(
        *map(
            list_of,
            (
                Member.member_id,
                Case(None, ((User.id.is_null(False), USERS.name),), here(Group, Value(GROUPS.name))),
                fn.COALESCE(Member.display, User.display_name, here(Group, Group.display_name)),
            ),
        )
    )
    .left_outer_join(User, on=(User.id == Member.member_id))
    .where(Member.group_id == param("id"))
)

MAX_SHOWN = 50_000


def members_of(store: Store, ids: Sequence[str], base: str) -> list[str]:
    """The members of each of these groups as a JSON list, by id, as RFC 7643 §4.2 shows them.

    Of a member who is not here only the id is known.

    Where they are more than MAX_SHOWN together, only the first groups are answered, at least one, so that
    no page grows without end.
    """
    found: list[str] = []
    count = 0
    places = {kind.name: location(kind, base, "") for kind in RESOURCE_TYPES}
    for id in ids:
        members, types, names = map(orjson.loads, store.rows(LIST, id=id)[0])
        count += len(members)
        if found and count > MAX_SHOWN:
            break
        shown = [
            {"value": member, "$ref": places[type] + member, "type": type, "display": name}
            if type
            else {"value": member}
            for member, type, name in zip(members, types, names, strict=True)
        ]
        found.append(jsonio.dumps(shown))
    return found


def columns(document: Document) -> dict[str, Any]:
    """The matched columns of a group's document."""
    return {
        "display_key": fold(document["displayName"]),
        "external_id": document.get("externalId"),
        "display_name": document["displayName"],
    }


def take(store: Store, id: str, steps: Iterable[MembershipChange]) -> list[dict[str, Any]]:
    """Carry out member steps and return what really changed, as kept in the activity."""
    changes = []
    for step in steps:
        for act, statement, values in moves(step):
            moved = [member for (member,) in store.rows(statement, group_id=id, **values)]
            if step.must and not moved:
                raise refuse("no_match", attribute="members")
            if moved:
                changes.append(journal.members(act, moved))
    return changes


def moves(step: MembershipChange) -> list[tuple[str, Statement, dict[str, Any]]]:
    """The statements of a step with their values; a filter over members is rare and compiled each time."""
    if step.tree is not None:
        chosen = IN_GROUP.where(Condition(GROUPS).build(step.tree, of_member))
        return [("remove", Statement(chosen), params(step.tree))]
    values = {"ids": jsonio.dumps(step.ids)}
    if step.names:
        values["pairs"] = jsonio.dumps([(id, step.names.get(id)) for id in step.ids])
    return [(act, named if step.names else plain, values) for act, plain, named in STATEMENTS[step.act]]


STATEMENTS = {
    "add": [("add", ADD, ADD_NAMED)],
    "remove": [("remove", REMOVE, REMOVE)],
    "set": [("remove", KEEP, KEEP), ("add", ADD, ADD_NAMED)],
}


def empty(store: Store, id: str) -> list[str]:
    """Remove all members of a group and return their ids."""
    return [member for (member,) in store.rows(KEEP, group_id=id, ids="[]")]
