"""Users and groups: found, listed, made, changed and deleted, each write as one transaction."""

import base64
import binascii
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
from peewee import SQL, Case, IntegrityError, Value, fn

from promapp_lite import clock, jsonio
from promapp_lite.jsonio import Document
from promapp_lite.scim import limits
from promapp_lite.scim.filter import Tree
from promapp_lite.scim.membership import MembershipChange
from promapp_lite.scim.patch import Budget, Operation, apply
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource import Row, diff, etag, finish, names_version
from promapp_lite.scim.resource_types import GROUPS, USERS, Path, ResourceType
from promapp_lite.store.activity import journal
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import groups, indexes, search, users
from promapp_lite.store.directory.filters import MODEL, Condition, keyed, ordering, params, shape
from promapp_lite.store.engine import QueryTimeout, Statement, Store, param
from promapp_lite.store.models import Member, Resource, User

COLUMNS: dict[ResourceType, Callable[[Document], dict[str, Any]]] = {
    USERS: users.columns,
    GROUPS: groups.columns,
}
DOC = 1 + Row._fields.index("doc")  # in a row of a page, behind `seq`
UNIQUE = {USERS: "userName", GROUPS: "displayName"}


class Page(NamedTuple):
    """One page of a list: how many there are in all, the position of each row, whether more follow."""

    rows: list[Row]
    total: int
    positions: Sequence[int]
    more: bool

    def cursor(self, shown: int) -> str | None:
        """The cursor of what follows when so many rows were shown (RFC 9865), None where nothing does."""
        return (
            cursor_of(self.positions[shown - 1]) if shown and (self.more or shown < len(self.rows)) else None
        )


class Query(NamedTuple):
    """What a list asks for; `start` counts from 0, `cursor` is None unless asked for."""

    tree: Tree | None = None
    start: int = 0
    count: int = 100  # type: ignore[assignment]
    sort: Path | None = None
    descending: bool = False
    cursor: str | None = None
    base: str = ""


class Sql(NamedTuple):
    """The statements of one kind."""

    get: Statement
    insert: Statement
    update: Statement
    update_within: Statement  # where no column but the document's changed: an index named is an index written
    delete: Statement
    touch_groups: Statement
    leave: Statement


def row_of(model: type[Resource]) -> list[Any]:
    """The columns of a Row."""
    linked = (
        fn.EXISTS(Member.select(Value(1)).where(Member.member_id == User.id))
        if model is User
        else SQL("TRUE")
    )
    return [*(getattr(model, name) for name in Row._fields if name != "linked"), linked]


def statements(kind: ResourceType) -> Sql:
    """The statements of a kind, described once."""
    model = MODEL[kind]
    fields = {field: param(name) for name, field in model._meta.fields.items() if name != "seq"}
    changed = {field: value for field, value in fields.items() if field.name not in ("id", "created")}
    within = {field: value for field, value in fields.items() if field.name in ("doc", "version", "modified")}
    here = model.id == param("id")
    holders = Member.select(Member.group_id).where(Member.member_id == param("id"))
    group = MODEL[GROUPS]
    return Sql(
        get=Statement(model.select(*row_of(model)).where(here)),
        insert=Statement(model.insert(fields)),
        update=Statement(model.update(changed).where(here)),
        update_within=Statement(model.update(within).where(here)),
        delete=Statement(model.delete().where(here)),
        touch_groups=Statement(
            group.update(
                {
                    group.version: group.version + 1,
                    group.modified: Case(  # never earlier than before
                        None, ((group.modified > param("modified"), group.modified),), param("modified")
                    ),
                }
            ).where(group.id.in_(holders))
        ),
        leave=Statement(Member.delete().where(Member.member_id == param("id")).returning(Member.group_id)),
    )


# Hot: run by every request for a resource, as are the pages below.
SQL_OF = {kind: statements(kind) for kind in (USERS, GROUPS)}


def get(store: Store, kind: ResourceType, id: str) -> Row:
    """The resource of that id; ScimError 404."""
    found = store.row(SQL_OF[kind].get, id=id)
    if found is None:
        raise refuse("not_found", kind=kind.name, id=id)
    return Row(*found)


def prove_readable(store: Store) -> None:
    """Read the first user; one of DB_ERRORS where the database cannot be read."""
    store.row(nth(USERS, False), skip=0)


def page(store: Store, kind: ResourceType, query: Query) -> Page:
    """One page of the resources a query asks for, and their number; ScimError 400 for too much work."""
    values = params(query.tree) if query.tree else {}
    if query.tree:
        indexes.note(store, kind, query.tree)
    values["base"] = query.base
    find = by_index
    if query.sort is None and query.cursor is not None:
        find = by_cursor
    elif query.sort is None and query.tree is None:
        find = by_position
    try:
        with store.limited(limits.SEARCH_SECONDS):
            return find(store, kind, query, values)
    except QueryTimeout:
        raise refuse("search_too_slow", seconds=limits.SEARCH_SECONDS) from None


def by_index(store: Store, kind: ResourceType, query: Query, values: dict[str, Any]) -> Page:
    """The page from a start index; counted only where the page does not show the number by itself."""
    start = offset_of(query.cursor) if query.cursor else query.start
    order = (query.sort, query.descending) if query.sort else None
    statement = listing(kind, Shape(query.tree), order)
    rows, cut = within(store, statement, **values, limit=query.count, offset=start)
    end = start + len(rows)
    whole = len(rows) < query.count and (rows or not start) and not cut
    total = end if whole else count(store, kind, query, values)
    return Page([Row(*row[1:]) for row in rows], total, range(start + 1, end + 1), end < total)


def by_position(store: Store, kind: ResourceType, query: Query, values: dict[str, Any]) -> Page:
    """The page of all resources from a start index, read from the nearer end, as skipping takes time."""
    total = count(store, kind, query, values)
    near, far = query.start, total - 1 - query.start
    if far < 0 or not query.count:
        return Page([], total, [], False)
    first = store.row(nth(kind, far < near), skip=min(near, far))
    statement = listing(kind, Shape(None), None, True)
    rows, cut = within(store, statement, after=first[0] - 1, limit=query.count) if first else ([], False)
    more = cut or far >= query.count
    return Page([Row(*row[1:]) for row in rows], total, [row[0] for row in rows], more)


def by_cursor(store: Store, kind: ResourceType, query: Query, values: dict[str, Any]) -> Page:
    """The page behind a cursor: by position, so none is skipped or seen twice while others write.

    A resource that existed when the first page was read is on one of the pages; a newer one may be on none.
    """
    after = offset_of(query.cursor) if query.cursor else 0
    statement = listing(kind, Shape(query.tree), None, True)
    rows, cut = within(store, statement, **values, limit=query.count + 1, after=after)
    shown = rows[: query.count]
    total = count(store, kind, query, values)
    more = cut or len(rows) > len(shown)
    return Page([Row(*row[1:]) for row in shown], total, [row[0] for row in shown], more)


def within(store: Store, statement: Statement, **values: Any) -> tuple[Sequence[tuple[Any, ...]], bool]:
    """The first rows of a page that fit into one answer, at least one, and whether it was cut there."""
    rows: list[tuple[Any, ...]] = []
    left = limits.ANSWER
    cursor = store.run(statement, **values)
    for row in cursor:
        left -= len(row[DOC])
        if left < 0 and rows:
            cursor.close()
            return rows, True
        rows.append(row)
    return rows, False


def count(store: Store, kind: ResourceType, query: Query, values: dict[str, Any]) -> int:
    """How many resources the filter of a query matches."""
    found = store.row(counting(kind, Shape(query.tree)), **values)
    return int(found[0]) if found else 0


class Shape:
    """A tree that is equal to every other tree of the same shape: the key by which statements are cached."""

    def __init__(self, tree: Tree | None) -> None:
        self.tree = tree
        self.key = shape(tree) if tree else None

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.key == other.key


@lru_cache(512)
def listing(
    kind: ResourceType, of: Shape, order: tuple[Path, bool] | None, cursor: bool = False
) -> Statement:
    """The statement of one page: `seq` and the columns of a Row."""
    model = MODEL[kind]
    query = model.select(model.seq, *row_of(model))
    if of.tree:
        query = query.where(Condition(kind, keyed(of.tree)).build(of.tree))
    query = query.order_by(*(ordering(kind, *order) if order else (model.seq,)))
    if cursor:
        return Statement(query.where(model.seq > param("after")).limit(param("limit")))
    return Statement(query.limit(param("limit")).offset(param("offset")))


@lru_cache
def nth(kind: ResourceType, from_end: bool) -> Statement:
    """The statement that finds the `seq` of the resource so many behind the first, or before the last."""
    seq = MODEL[kind].seq
    return Statement(
        MODEL[kind].select(seq).order_by(seq.desc() if from_end else seq).limit(1).offset(param("skip"))
    )


@lru_cache(512)
def counting(kind: ResourceType, of: Shape) -> Statement:
    """The statement that counts what a filter matches."""
    model = MODEL[kind]
    query = model.select(fn.COUNT(SQL("*")))  # the form that SQLite has an instruction for
    return Statement(query.where(Condition(kind, keyed(of.tree)).build(of.tree)) if of.tree else query)


def cursor_of(position: int) -> str:
    """An opaque cursor (RFC 9865 §2)."""
    return base64.urlsafe_b64encode(b"c%d" % position).decode().rstrip("=")


def offset_of(cursor: str) -> int:
    """The position in a cursor; ScimError 400 invalidCursor."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = int(text.removeprefix(b"c"))
    except (ValueError, binascii.Error):
        position = -1
    if not 0 <= position < 2**62 or cursor != cursor_of(position):
        raise refuse("wrong_cursor")
    return position


def create(
    store: Store, kind: ResourceType, document: Document, steps: list[MembershipChange], caller: Caller
) -> Row:
    """Store a new resource, a user active by default; ScimError 409 if its name is taken."""
    document = finish(kind, {"active": True, **document} if kind is USERS else document)
    moment = clock.now()
    row = Row(str(uuid4()), jsonio.dumps(document), 1, moment, moment, linked=kind is GROUPS)
    with store.write():
        write(store, SQL_OF[kind].insert, kind, row, document)
        changes = diff({}, document) + put_parts(store, kind, row.id, {}, document, steps)
        journal.record(store, caller, "create", 201, **about(kind, row.id, document), changes=changes)
    return row


def write(store: Store, statement: Statement, kind: ResourceType, row: Row, document: Document) -> None:
    """Insert or update the row; the unique index decides, and its refusal becomes a 409."""
    if len(row.doc) > limits.DOCUMENT:
        raise refuse("document_too_large", kind=kind.name.lower(), most=limits.DOCUMENT // limits.MIB)
    try:
        store.run(statement, **row._asdict(), **COLUMNS[kind](document))
    except IntegrityError:
        name = UNIQUE[kind]
        raise refuse("taken_name", kind=kind.name.lower(), attribute=name, value=document[name]) from None


def put_parts(
    store: Store,
    kind: ResourceType,
    id: str,
    before: Document,
    after: Document,
    steps: list[MembershipChange],
) -> list[dict[str, Any]]:
    """Write what is kept in rows of its own; returns the membership changes."""
    if kind is USERS:
        users.put_emails(store, id, before, after)
        return []
    return groups.take(store, id, steps)


def about(kind: ResourceType, id: str, document: Document) -> dict[str, Any]:
    """How the activity names a resource."""
    return {"resource_type": kind.name, "resource_id": id, "name": document[UNIQUE[kind]]}


def patch(
    store: Store,
    kind: ResourceType,
    id: str,
    operations: list[Operation],
    steps: list[MembershipChange],
    if_match: str | None,
    caller: Caller,
    budget: Budget | None = None,
) -> Row:
    """Carry out a PATCH as a whole or not at all; 412 for another version than `if_match` names.

    `budget` is that of the bulk request it is part of.
    """

    def change(before: Document) -> Document:
        text = orjson.dumps(before)
        document: Document = orjson.loads(text)
        spent = budget or Budget()
        spent.spend(len(text) // 100)  # to read and write a large document takes time as well
        apply(document, operations, spent)
        return document

    return alter(store, kind, id, change, steps, if_match, caller)


def replace(
    store: Store,
    kind: ResourceType,
    id: str,
    document: Document,
    steps: list[MembershipChange],
    if_match: str | None,
    caller: Caller,
) -> Row:
    """Carry out a PUT. What it leaves out is cleared, except `active`, which would re-enable a user."""

    def change(before: Document) -> Document:
        kept = {name: before[name] for name in ("active",) if kind is USERS and name in before}
        return kept | document

    ids = dict.fromkeys(id for step in steps for id in step.ids)
    whole = MembershipChange(
        "set", tuple(ids), names={id: name for step in steps for id, name in step.names.items()}
    )
    return alter(store, kind, id, change, [whole], if_match, caller)


def prove_version(row: Row, if_match: str | None) -> None:
    """ScimError 412 unless If-Match (or a bulk operation's `version`) names this version, or nothing."""
    if if_match is not None and not names_version(if_match, row.version):
        raise refuse("changed_meanwhile", version=etag(row.version))


def alter(
    store: Store,
    kind: ResourceType,
    id: str,
    change: Callable[[Document], Document],
    steps: list[MembershipChange],
    if_match: str | None,
    caller: Caller,
) -> Row:
    """Read, check, change and write one resource; nothing is written where nothing changed."""
    with store.write():
        row = get(store, kind, id)
        prove_version(row, if_match)
        before = orjson.loads(row.doc)
        document = finish(kind, change(before))
        changes = diff(before, document) + put_parts(store, kind, id, before, document, steps)
        if changes:
            doc, modified = jsonio.dumps(document), clock.later(row.modified)
            row = row._replace(doc=doc, version=row.version + 1, modified=modified)
            write(store, update_of(kind, before, document), kind, row, document)
        journal.record(
            store,
            caller,
            action_of(changes),
            STATUS[kind],
            **about(kind, id, document),
            changes=changes,
        )
    return row


def update_of(kind: ResourceType, before: Document, after: Document) -> Statement:
    """The statement that writes what differs."""
    sql, columns = SQL_OF[kind], COLUMNS[kind]
    return sql.update_within if columns(before) == columns(after) else sql.update


STATUS = {USERS: 200, GROUPS: 204}


def action_of(changes: list[dict[str, Any]]) -> str:
    """What an admin calls the change: disable and enable are updates of `active`."""
    for each in changes:
        if each["path"] == "active":
            return "enable" if each["after"] else "disable"
    return "update"


def delete(store: Store, kind: ResourceType, id: str, if_match: str | None, caller: Caller) -> None:
    """Delete a resource and its memberships; the activity row keeps all of it for a restore."""
    with store.write():
        row = get(store, kind, id)
        prove_version(row, if_match)
        sql = SQL_OF[kind]
        store.run(sql.touch_groups, id=id, modified=clock.now())
        left = [group for (group,) in store.rows(sql.leave, id=id)]
        gone = groups.empty(store, id) if kind is GROUPS else []
        document = orjson.loads(row.doc)
        if kind is USERS:
            users.put_emails(store, id, document, {})
        search.drop(store, kind, id)
        store.run(sql.delete, id=id)
        kept = {"resource": row._asdict() | {"doc": document}, "groups": left, "members": gone}
        journal.record(store, caller, "delete", 204, **about(kind, id, document), changes=kept)
