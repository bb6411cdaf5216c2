"""What only users have: e-mail addresses as rows, and the groups they are in."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from peewee import Select, fn

from promapp_lite import jsonio
from promapp_lite.jsonio import Document
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.engine.dialect import element, list_of, listed
from promapp_lite.store.models import Email, Group, Member
from promapp_lite.text import fold

GIVEN = element("given")


def above() -> Select:
    """The groups given, each with itself and all that it is in, also through others."""
    up = listed("ids", GIVEN, GIVEN).cte("up", recursive=True, columns=("start", "id"))
    up = up.union(Member.select(up.c.start, Member.group_id).join(up, on=(Member.member_id == up.c.id)))
    named = Group.select(up.c.start, Group.seq, Group.id, Group.display_name)
    return named.join(up, on=(up.c.id == Group.id)).with_cte(up)


def above_one() -> Select:
    """The groups given and all that they are in, each once."""
    up = listed("ids", GIVEN).cte("up", recursive=True, columns=("id",))
    up = up.union(Member.select(Member.group_id).join(up, on=(Member.member_id == up.c.id)))
    named = Group.select(Group.seq, Group.id, Group.display_name)
    return named.join(up, on=(up.c.id == Group.id)).with_cte(up)


ABOVE, ABOVE_ONE = Statement(above()), Statement(above_one())
HELD = Statement(  # two lists in JSON, which is half the work of rows
    Member.select(list_of(Member.member_id), list_of(Member.group_id)).where(
        Member.member_id.in_(listed("ids"))
    )
)
DIRECT = Statement(Member.select(fn.COUNT(Member.group_id)).where(Member.member_id.in_(listed("ids"))))
MAX_TOGETHER = 50_000  # memberships
ADD_EMAILS = Statement(
    Email.insert_from(
        listed("values", GIVEN, param("user_id")),
        [Email.value_key, Email.user_id],
    ).on_conflict_ignore()
)
DROP_EMAILS = Statement(
    Email.delete().where((Email.user_id == param("user_id")) & Email.value_key.in_(listed("values")))
)

Membership = tuple[str, str, bool]  # group id, its name, direct


def groups_of(store: Store, ids: Sequence[str]) -> Iterator[list[Membership]]:
    """The groups of each of these users, through nesting too, in the order the groups were made.

    Where they are in very many, each user's are read when they are asked for.
    """
    if not ids:
        return
    few = len(ids) > 1 and store.rows(DIRECT, ids=jsonio.dumps(ids))[0][0] <= MAX_TOGETHER
    for part in [ids] if few else [[id] for id in ids]:
        yield from together(store, part).values()


def together(store: Store, ids: Sequence[str]) -> dict[str, list[Membership]]:
    """The groups of these users by user."""
    direct: dict[str, set[str]] = {id: set() for id in ids}
    held = [orjson.loads(each) for each in store.rows(HELD, ids=jsonio.dumps(ids))[0]]
    for user, group in zip(*held, strict=True):
        direct[user].add(group)
    starts = jsonio.dumps([*set(held[1])])
    if len(ids) == 1:  # a group that is above many of these is read once, not once for each
        groups = store.rows(ABOVE_ONE, ids=starts)
        return {ids[0]: [(id, name, id in direct[ids[0]]) for _, id, name in sorted(groups)]}
    named: dict[str, list[tuple[int, str, str]]] = {}
    for start, seq, id, name in store.rows(ABOVE, ids=starts):
        named.setdefault(start, []).append((seq, id, name))
    return {user: memberships(groups, named) for user, groups in direct.items()}


def memberships(direct: set[str], named: dict[str, list[tuple[int, str, str]]]) -> list[Membership]:
    """All groups of one user who is directly in some."""
    found = {group for start in direct for group in named.get(start, ())}
    return [(id, name, id in direct) for _, id, name in sorted(found)]


def columns(document: Document) -> dict[str, Any]:
    """The matched columns of a user's document."""
    return {
        "user_key": fold(document["userName"]),
        "external_id": document.get("externalId"),
        "display_name": document.get("displayName") or document["userName"],
        "active": document.get("active"),
    }


def emails(document: Document) -> list[str]:
    """The folded e-mail addresses in a document."""
    return [fold(each["value"]) for each in document.get("emails", ()) if each.get("value")]


def put_emails(store: Store, id: str, before: Document, after: Document) -> None:
    """Make the e-mail rows those of the document, where they differ."""
    old, new = emails(before), emails(after)
    if old == new:
        return
    if old:
        store.run(DROP_EMAILS, user_id=id, values=jsonio.dumps(old))
    if new:
        store.run(ADD_EMAILS, user_id=id, values=jsonio.dumps(new))
