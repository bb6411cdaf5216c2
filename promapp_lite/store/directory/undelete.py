"""Bringing back what was deleted, from the activity row of its delete."""

from typing import Any

import orjson

from promapp_lite import clock, jsonio
from promapp_lite.errors import ScimError, UserError
from promapp_lite.scim.membership import MembershipChange
from promapp_lite.scim.resource import Row
from promapp_lite.scim.resource_types import GROUPS, RESOURCE_TYPES, ResourceType
from promapp_lite.store.activity import journal
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import resources
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.engine.dialect import listed
from promapp_lite.store.models import Activity, Group, Member

JOIN = Statement(  # compiled for the sake of a list of any length
    Member.insert_from(
        Group.select(Group.id, param("member_id")).where(Group.id.in_(listed("groups"))),
        [Member.group_id, Member.member_id],
    )
    .on_conflict_ignore()
    .returning(Member.group_id)
)


def restore(store: Store, id: int, caller: Caller) -> tuple[ResourceType, str]:
    """Undo the delete of that row: same id, same memberships; UserError if it cannot be undone."""
    with store.write():
        columns = (Activity.resource_type, Activity.resource_id, Activity.name, Activity.changes)
        deleted = (Activity.id == id) & (Activity.action == "delete")
        found = store.first(Activity.select(*columns).where(deleted))
        if found is None or not found[3]:
            raise UserError("That deletion is no longer in the activity, so it cannot be restored.")
        name, resource_id, shown, changes = found
        kind = next(kind for kind in RESOURCE_TYPES if kind.name == name)
        guard_absent(store, kind, resource_id, shown)
        bring_back(store, kind, orjson.loads(changes), caller)
        return kind, resource_id


def guard_absent(store: Store, kind: ResourceType, id: str, name: str) -> None:
    """UserError where the resource is here."""
    if store.row(resources.SQL_OF[kind].get, id=id) is not None:
        raise UserError(f"{name} already exists: there is nothing to restore.")


def bring_back(store: Store, kind: ResourceType, kept: dict[str, Any], caller: Caller) -> None:
    """Write the resource, its parts, its memberships and its activity row."""
    document, row = kept["resource"]["doc"], Row(**kept["resource"])
    row = row._replace(
        doc=jsonio.dumps(document), version=row.version + 1, modified=clock.later(row.modified)
    )
    insert(store, kind, row, document)
    steps = [MembershipChange("add", tuple(kept["members"]))] if kind is GROUPS and kept["members"] else []
    changes = resources.put_parts(store, kind, row.id, {}, document, steps)
    back = store.rows(JOIN, groups=jsonio.dumps(kept["groups"]), member_id=row.id)
    store.run(resources.SQL_OF[kind].touch_groups, id=row.id, modified=row.modified)
    if back:
        changes.append(journal.members("joined", [group for (group,) in back]) | {"path": "groups"})
    about = resources.about(kind, row.id, document)
    journal.record(store, caller, "restore", 200, **about, changes=changes)


def insert(store: Store, kind: ResourceType, row: Row, document: dict[str, Any]) -> None:
    """Insert the resource; UserError where its name is taken meanwhile."""
    try:
        resources.write(store, resources.SQL_OF[kind].insert, kind, row, document)
    except ScimError:
        name = resources.UNIQUE[kind]
        raise UserError(
            f"Another {kind.name.lower()} now has the {name} {document[name]}. Rename or delete "
            f"that one in Azure AD first, then restore."
        ) from None
