"""People and groups on the page: the list, and one of them opened."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from promapp_lite.console.format import indented
from promapp_lite.console.request import number
from promapp_lite.errors import ScimError
from promapp_lite.jsonio import Document
from promapp_lite.scim.resource import Row
from promapp_lite.scim.resource_types import GROUPS, USERS, ResourceType
from promapp_lite.scim.schema import ENTERPRISE
from promapp_lite.store.activity import entries
from promapp_lite.store.directory import people, resources, users
from promapp_lite.store.engine import Store

Reader = Callable[[Store, Row, Document], dict[str, Any]]
PAGE, HISTORY = 15, 10
LONGEST = 200  # characters of a search
NAMES = {
    "people": "All people",
    "active": "Active",
    "disabled": "Disabled",
    "groups": "Groups",
    "deleted": "Deleted",
}


def part(store: Store, sent: Mapping[str, str]) -> dict[str, Any]:
    """What the template of people shows."""
    show = sent.get("show", "people")
    show = show if show in people.SHOWN else "people"
    text = sent.get("q", "")[:LONGEST]
    before = number(sent, "from", people.NEWEST)
    found = people.listed(store, show, text, before, PAGE + 1)
    return {
        "show": show,
        "names": NAMES,
        "q": text,
        "rows": found[:PAGE],
        "more": found[PAGE - 1].seq if len(found) > PAGE else None,
        "first": before == people.NEWEST,
        "from": None if before == people.NEWEST else before,
        "counts": people.counts(store),
        "person": opened(store, USERS, sent.get("user"), person),
        "group": opened(store, GROUPS, sent.get("group"), partial(group, sent=sent)),
    }


def opened(store: Store, kind: ResourceType, id: str | None, read: Reader) -> dict[str, Any] | None:
    """The one that is asked for, None where it is not here."""
    if not id:
        return None
    try:
        row = resources.get(store, kind, id)
    except ScimError:
        return {"id": id, "missing": True, "name": None}
    document = orjson.loads(row.doc)
    wanted = entries.Filter(resource=id)
    common = {"id": id, "missing": False, "row": row, "document": document, "json": indented(document)}
    return common | {"history": entries.page(store, wanted, limit=HISTORY), **read(store, row, document)}


def person(store: Store, row: Row, document: Document) -> dict[str, Any]:
    """What is shown of a person besides the attributes."""
    held = document.get(ENTERPRISE, {}).get("manager")
    manager = held.get("value") if isinstance(held, dict) else None
    return {
        "name": document.get("displayName") or document["userName"],
        "active": document.get("active"),
        "groups": next(users.groups_of(store, [row.id])),
        "manager": manager,
        "manager_name": people.name_of(store, manager) if manager else None,
    }


def group(store: Store, row: Row, document: Document, sent: Mapping[str, str]) -> dict[str, Any]:
    """What is shown of a group besides the attributes: its members, paged."""
    after = sent.get("after", "")
    found, total = people.members(store, row.id, after, PAGE + 1)
    return {
        "name": document["displayName"],
        "members": found[:PAGE],
        "total": total,
        "more": found[PAGE - 1].id if len(found) > PAGE else None,
        "first": not after,
    }
