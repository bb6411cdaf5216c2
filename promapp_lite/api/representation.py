"""How a resource is shown: the attributes asked for, and what is derived from memberships."""

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

from promapp_lite import jsonio
from promapp_lite.api.call import Api
from promapp_lite.scim import limits, resource
from promapp_lite.scim.resource import ALL, Row, Selection, location
from promapp_lite.scim.resource_types import GROUPS, USERS, ResourceType
from promapp_lite.store.directory import groups, users


def selection(kind: ResourceType, sent: Mapping[str, str]) -> Selection:
    """The attributes asked for."""
    attributes, excluded = sent.get("attributes"), sent.get("excludedattributes")
    if not attributes and not excluded:
        return ALL
    return resource.select(kind, (attributes or "").split(","), (excluded or "").split(","))


def present(api: Api, kind: ResourceType, rows: list[Row], chosen: Selection) -> list[str]:
    """The resources as JSON text, with what is derived where it is wanted.

    Where they are more than limits.ANSWER bytes together, only the first, at least one: the next page begins
    behind them.
    """
    name, derive = DERIVED[kind]
    parts = derive(api, rows) if chosen.wants(name) else repeat("")
    shown: list[str] = []
    left = limits.ANSWER
    for row, part in zip(rows, parts, strict=False):
        left -= len(row.doc) + len(part)
        if left < 0 and shown:
            break
        shown.append(resource.project(resource.show(kind, row, api.base, part), chosen))
    return shown


def groups_parts(api: Api, rows: list[Row]) -> Iterator[str]:
    """The `groups` of each user as JSON text, empty where there are none."""
    held = users.groups_of(api.store, [row.id for row in rows if row.linked])
    for row in rows:
        some = next(held) if row.linked else []
        yield '"groups":' + jsonio.dumps([group(api.base, *each) for each in some]) if some else ""


def group(base: str, id: str, name: str, direct: bool) -> dict[str, str]:
    """One group of a user."""
    kind = "direct" if direct else "indirect"
    return {"value": id, "$ref": location(GROUPS, base, id), "display": name, "type": kind}


def members_parts(api: Api, rows: list[Row]) -> Iterator[str]:
    """The `members` of each group as JSON text; an empty list where there are none, as Entra shows it."""
    held = groups.members_of(api.store, [row.id for row in rows], api.base)
    return (f'"members":{each}' for each in held)


DERIVED: dict[ResourceType, tuple[str, Callable[[Api, list[Row]], Iterator[str]]]] = {
    USERS: ("groups", groups_parts),
    GROUPS: ("members", members_parts),
}
