"""What only users have: e-mail addresses as rows, and the groups they are in."""

from collections.abc import Sequence
from typing import Any

from peewee import SQL, Select, Value, fn

from promapp_lite import wire
from promapp_lite.scim.patch import Document
from promapp_lite.store.db import Statement, Store, slot
from promapp_lite.store.models import Email, Group, Member

GIVEN = SQL("given.value")  # a value of the list at hand in `given`


def given(name: str, *columns: Any) -> Select:
    """The values of a slot that holds a JSON list, or columns made of GIVEN: one statement for any number."""
    return Select([fn.json_each(slot(name)).alias("given")], columns or (GIVEN,))


def up_from(ids: Select) -> Any:
    """All memberships of these members, also through groups in groups: user_id, group_id, direct."""
    start = Member.select(Member.member_id, Member.group_id, Value(1).alias("direct"))
    up = start.where(Member.member_id.in_(ids)).cte(
        "up", recursive=True, columns=("user_id", "group_id", "direct")
    )
    outer = Member.alias()
    further = outer.select(up.c.user_id, outer.group_id, Value(0))
    return up.union(further.join(up, on=(outer.member_id == up.c.group_id)))


UP = up_from(given("ids"))
GROUPS_OF = Statement(
    Group.select(UP.c.user_id, UP.c.group_id, Group.display_name, fn.MAX(UP.c.direct))
    .join(UP, on=(UP.c.group_id == Group.id))
    .group_by(UP.c.user_id, UP.c.group_id)
    .order_by(Group.seq)
    .with_cte(UP)
)
ADD_EMAILS = Statement(
    Email.insert_from(
        given("values", GIVEN, slot("user_id")),
        [Email.value_key, Email.user_id],
    ).on_conflict_ignore()
)
DROP_EMAILS = Statement(
    Email.delete().where((Email.user_id == slot("user_id")) & Email.value_key.in_(given("values")))
)

Membership = tuple[str, str, bool]  # group id, its name, direct


def groups_of(store: Store, ids: Sequence[str]) -> dict[str, list[Membership]]:
    """The groups of these users by user, through nesting too, in the order the groups were made."""
    found: dict[str, list[Membership]] = {id: [] for id in ids}
    for user, group, name, direct in store.rows(GROUPS_OF, ids=wire.dumps(ids)):
        found[user].append((group, name, bool(direct)))
    return found


def columns(document: Document) -> dict[str, Any]:
    """The matched columns of a user's document."""
    return {
        "user_key": wire.fold(document["userName"]),
        "external_id": document.get("externalId"),
        "display_name": document.get("displayName") or document["userName"],
        "active": document.get("active"),
    }


def emails(document: Document) -> list[str]:
    """The folded e-mail addresses in a document."""
    return [wire.fold(each["value"]) for each in document.get("emails", ()) if each.get("value")]


def put_emails(store: Store, id: str, before: Document, after: Document) -> None:
    """Make the e-mail rows those of the document, where they differ."""
    old, new = emails(before), emails(after)
    if old == new:
        return
    if old:
        store.run(DROP_EMAILS, user_id=id, values=wire.dumps(old))
    if new:
        store.run(ADD_EMAILS, user_id=id, values=wire.dumps(new))
