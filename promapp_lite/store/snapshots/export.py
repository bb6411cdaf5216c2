"""People, groups and activity as text for other programs: CSV for spreadsheets, JSON, SCIM.

Rows are read as they are written, so that the memory needed is that of one resource.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson
from peewee import fn

from promapp_lite import csvio, jsonio
from promapp_lite.errors import UserError
from promapp_lite.scim import resource
from promapp_lite.scim.resource import Row
from promapp_lite.scim.resource_types import GROUPS, USERS, ResourceType
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Activity, Group, Member, User

FORMATS = ("csv", "json", "scim")
SHARES = ("users", "groups", "activity")
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LIST = '{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":%d,"Resources":['
Record = dict[str, Any]
Lines = Iterable[Sequence[Any]]

KEPT = [name for name in Row._fields if name != "linked"]
ALL_USERS = Statement(User.select(*(getattr(User, name) for name in KEPT)).order_by(User.seq))
ALL_GROUPS = Statement(Group.select(*(getattr(Group, name) for name in KEPT)).order_by(Group.seq))
COUNT = {
    kind: Statement(model.select(fn.COUNT(model.seq))) for kind, model in ((USERS, User), (GROUPS, Group))
}
MEMBERS = Statement(
    Member.select(Member.member_id).where(Member.group_id == param("id")).order_by(Member.member_id)
)
HIDDEN = ("id", "request", "indexed", "cause", "counted")
ACTIVITY = [name for name in Activity._meta.sorted_field_names if name not in HIDDEN]
ALL_ACTIVITY = Statement(
    Activity.select(*(getattr(Activity, name) for name in ACTIVITY)).order_by(Activity.id)
)


def export(store: Store, share: str, form: str, base: str) -> Iterator[str]:
    """A share of the data as pieces of text, all of one state of it; UserError for activity as SCIM."""
    if form == "scim" and share == "activity":
        raise UserError("Activity cannot be exported as SCIM: use csv or json.")
    return pieces(store, share, form, base)


def pieces(store: Store, share: str, form: str, base: str) -> Iterator[str]:
    """The pieces of an export."""
    with store.snapshot():
        if form == "scim":
            yield from scim(store, share, base)
        else:
            head, read = READERS[share]
            yield from WRITERS[form](head, read(store))


def scim(store: Store, share: str, base: str) -> Iterator[str]:
    """A ListResponse (RFC 7644 §3.4.2) of everything, as the API would give it."""
    kind, statement = (USERS, ALL_USERS) if share == "users" else (GROUPS, ALL_GROUPS)
    yield LIST % store.rows(COUNT[kind])[0]
    for number, each in enumerate(store.run(statement)):
        yield ("," if number else "") + shown(store, kind, Row(*each), base) + "\n"
    yield "]}\n"


def shown(store: Store, kind: ResourceType, row: Row, base: str) -> str:
    """One resource as SCIM shows it."""
    derived = ""
    if kind is GROUPS:
        derived = '"members":' + jsonio.dumps([{"value": id} for id in members_of(store, row.id)])
    return resource.show(kind, row, base, derived)


def members_of(store: Store, id: str) -> list[str]:
    """The ids of the members of a group."""
    return [member for (member,) in store.rows(MEMBERS, id=id)]


def users(store: Store) -> Iterator[list[Any]]:
    """One line a person."""
    for each in store.run(ALL_USERS):
        row = Row(*each)
        document = orjson.loads(row.doc)
        yield [read(row, document) for read in USER.values()]


def within(document: Record, part: str, name: str) -> Any:
    """A value inside a part of the document that may be absent."""
    return (document.get(part) or {}).get(name)


def email(document: Record) -> str | None:
    """The address that is primary, else the first."""
    found = sorted(document.get("emails") or [], key=lambda each: not each.get("primary"))
    return found[0].get("value") if found else None


def groups(store: Store) -> Iterator[list[Any]]:
    """One line a group; its members by id, with blanks between them."""
    for each in store.run(ALL_GROUPS):
        row = Row(*each)
        document, held = orjson.loads(row.doc), " ".join(members_of(store, row.id))
        name, external_id = document.get("displayName"), document.get("externalId")
        yield [row.id, name, external_id, held, row.created, row.modified]


def activity(store: Store) -> Iterator[Sequence[Any]]:
    """One line a row of the activity, the first first."""
    yield from store.run(ALL_ACTIVITY)


def as_csv(head: Sequence[str], lines: Lines) -> Iterator[str]:
    """RFC 4180 with a head; a spreadsheet takes no cell for a formula."""
    yield csvio.line(head)
    yield from map(csvio.line, lines)


def as_json(head: Sequence[str], lines: Lines) -> Iterator[str]:
    """One array, an object a line."""
    yield "["
    for number, line in enumerate(lines):
        yield (",\n" if number else "\n") + jsonio.dumps(dict(zip(head, line, strict=True)))
    yield "\n]\n"


USER: dict[str, Callable[[Row, Record], Any]] = {
    "id": lambda row, document: row.id,
    "userName": lambda row, document: document.get("userName"),
    "displayName": lambda row, document: document.get("displayName"),
    "givenName": lambda row, document: within(document, "name", "givenName"),
    "familyName": lambda row, document: within(document, "name", "familyName"),
    "email": lambda row, document: email(document),
    "title": lambda row, document: document.get("title"),
    "department": lambda row, document: within(document, ENTERPRISE, "department"),
    "manager": lambda row, document: within(document.get(ENTERPRISE) or {}, "manager", "value"),
    "active": lambda row, document: document.get("active"),
    "externalId": lambda row, document: document.get("externalId"),
    "created": lambda row, document: row.created,
    "lastModified": lambda row, document: row.modified,
}
GROUP = ("id", "displayName", "externalId", "members", "created", "lastModified")
READERS: dict[str, tuple[Sequence[str], Callable[[Store], Lines]]] = {
    "users": (tuple(USER), users),
    "groups": (GROUP, groups),
    "activity": (ACTIVITY, activity),
}
WRITERS: dict[str, Callable[[Sequence[str], Lines], Iterator[str]]] = {"csv": as_csv, "json": as_json}
