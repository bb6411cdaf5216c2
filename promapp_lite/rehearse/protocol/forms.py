"""The bodies Entra sends, without and with the flag aadOptscim062020."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from promapp_lite.rehearse.protocol import paths

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
BOOLEANS = {"active"}
MAIL = 'emails[type eq "work"].value'


class Change(NamedTuple):
    """One attribute: its path, what the target had (None: nothing), what it shall have."""

    path: str
    old: Any
    new: Any


def differences(wanted: dict[str, str], resource: Any) -> list[Change]:
    """What a resource lacks of the wanted values; equal is exact, True being "True"."""
    found = {path: paths.read(resource, path) for path in wanted}
    return [
        Change(path, found[path], value)
        for path, value in wanted.items()
        if not equal(path, found[path], value)
    ]


def equal(path: str, found: Any, wanted: str) -> bool:
    """Whether the target holds the value; a boolean may come as boolean or as its text."""
    if path in BOOLEANS:
        return str(found).lower() == wanted.lower()
    return found is not None and str(found) == wanted


def typed(path: str, value: str) -> Any:
    """A value as JSON type: mappings make texts, booleans included."""
    return paths.TRUTH.get(value.lower(), value) if path in BOOLEANS else value


def user_body(values: dict[str, str]) -> dict[str, Any]:
    """A new person; no nulls, `active` a boolean, the extension listed only when it is there."""
    body: dict[str, Any] = {"schemas": [paths.USER, paths.ENTERPRISE]}
    for path, value in values.items():
        paths.put(body, path, typed(path, value))
    if MAIL in values:
        body["emails"][0] = {"primary": True} | body["emails"][0]
    return body | {"meta": {"resourceType": "User"}, "roles": []}


def group_body(values: dict[str, str]) -> dict[str, Any]:
    """A new group, always without members and with Microsoft's own schema beside the core one."""
    body: dict[str, Any] = {"schemas": [paths.GROUP, ADSCIM]}
    for path, value in values.items():
        paths.put(body, path, value)
    return body | {"meta": {"resourceType": "Group"}}


def patch(operations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A PATCH body."""
    return {"schemas": [PATCH], "Operations": list(operations)}


def verb(change: Change) -> str:
    """Add where the target has nothing, else Replace; value paths are always replaced.

    Entra replaces emails[type eq "work"].value of people who have no mail yet.
    """
    return "Add" if change.old is None and "[" not in change.path else "Replace"


def operations(changes: Sequence[Change], flag: bool) -> list[dict[str, Any]]:
    """The operations for changed attributes: one each, or with the flag gathered by verb."""
    if not flag:
        return [{"op": verb(each), "path": each.path, "value": each.new} for each in changes]
    found = [single(each) for each in changes if "[" in each.path]
    for name in ("Add", "Replace"):
        found += gathered([each for each in changes if "[" not in each.path and verb(each) == name])
    return found


def single(change: Change) -> dict[str, Any]:
    """One operation in the flag's form: small letters, JSON booleans."""
    return {
        "op": verb(change).lower(),
        "path": change.path,
        "value": typed(change.path, change.new),
    }


def gathered(changes: list[Change]) -> list[dict[str, Any]]:
    """Changes of one verb in the flag's form: several become one operation without a path."""
    if len(changes) < 2:
        return [single(each) for each in changes]
    value = {each.path: typed(each.path, each.new) for each in changes}
    return [{"op": verb(changes[0]).lower(), "value": value}]


def add_members(ids: Iterable[str], flag: bool) -> list[dict[str, Any]]:
    """The operation that adds members, all in one value."""
    if flag:
        return [{"op": "add", "path": "members", "value": [{"value": each} for each in ids]}]
    return [{"op": "Add", "path": "members", "value": [{"$ref": None, "value": each} for each in ids]}]


def remove_members(ids: Iterable[str], flag: bool) -> list[dict[str, Any]]:
    """The operations that remove members: a value list, or with the flag one path each."""
    if flag:
        return [{"op": "remove", "path": f'members[value eq "{each}"]'} for each in ids]
    return [{"op": "Remove", "path": "members", "value": [{"value": each} for each in ids]}]
