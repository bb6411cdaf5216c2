"""What the operations on a group say about its members, as steps over ids.

The member list itself is never here: the steps become rows that go in and out.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from promapp_lite.scim import filter as filters
from promapp_lite.scim import limits
from promapp_lite.scim.patch import Operation
from promapp_lite.scim.refusals import refuse

ID = re.compile(r"[\w.~@:+-]+", re.ASCII)


class MembershipChange(NamedTuple):
    """`add`, `remove` or `set` to these ids, or `remove` those that a filter over members chooses.

    `names` holds the `display` of those that were sent with one.
    """

    act: str
    ids: tuple[str, ...] = ()
    tree: filters.Tree | None = None
    names: Mapping[str, str] = {}
    must: bool = False  # one that moves nobody is 400 noTarget


def split(operations: list[Operation]) -> tuple[list[Operation], list[MembershipChange]]:
    """The operations on the group's own attributes, and the steps over its members, each in order."""
    own, steps = [], []
    for operation in operations:
        attribute = operation.path.attribute
        if attribute is not None and operation.path.urn is None and attribute.name == "members":
            steps += steps_of(operation)
        else:
            own.append(operation)
    if sum(1 for step in steps if step.tree) > limits.MEMBER_FILTERS:
        raise refuse("too_many_member_filters", most=limits.MEMBER_FILTERS)
    return own, steps


def steps_of(operation: Operation) -> list[MembershipChange]:
    """The steps of one operation on `members`.

    `remove` with a value array takes out only those (Entra without the flag), whereas `remove`
    with neither value nor filter takes out all (RFC 7644 §3.5.2.2).
    """
    if operation.path.sub is not None and operation.path.sub.name != "value":
        raise refuse("member_path")
    named = ids_of(operation.value)
    if operation.tree is not None:
        return filtered(operation, named)
    if operation.op != "remove":
        act = "add" if operation.op == "add" else "set"
        return [MembershipChange(act, named, names=names_of(operation.value))]
    return [MembershipChange("set" if operation.value in (None, "") else "remove", named)]


def filtered(operation: Operation, named: tuple[str, ...]) -> list[MembershipChange]:
    """`members[value eq "…"]`: the id in the path is the one added, removed or replaced."""
    tree = operation.tree
    assert tree is not None  # noqa: S101
    if operation.path.sub is not None:
        raise refuse("immutable_member")
    if filters.names(tree, "$ref"):
        raise refuse("member_filter")
    by_id = tree[0] == "eq" and tree[1].leaf.name == "value"
    if operation.op == "remove":
        return [MembershipChange("remove", (tree[2],))] if by_id else [MembershipChange("remove", tree=tree)]
    if not by_id:
        raise refuse("member_without_id")
    held = (id_of(tree[2]),)
    names = names_of(operation.value)
    if operation.op == "add":
        return [MembershipChange("add", (*held, *named), names=names)]
    return [MembershipChange("remove", held, must=True), MembershipChange("add", named or held, names=names)]


def ids_of(value: Any) -> tuple[str, ...]:
    """The member ids in a value: one or a list, each an id or an object with `value`; each id once."""
    sent = value if isinstance(value, list) else [] if value in (None, "") else [value]
    if len(sent) > limits.MEMBERS:
        raise refuse("too_many_members", most=limits.MEMBERS, sent=len(sent))
    return tuple(dict.fromkeys(id_of(each) for each in sent))


def id_of(sent: Any) -> str:
    if isinstance(sent, dict):
        sent = part_of(sent, "value")
    if not isinstance(sent, str) or len(sent) > limits.MEMBER_ID or not ID.fullmatch(sent):
        raise refuse("wrong_member", most=limits.MEMBER_ID)
    return sent


def names_of(value: Any) -> dict[str, str]:
    """The `display` sent with members, by id."""
    sent = value if isinstance(value, list) else [value]
    shown = [
        (id_of(each), part_of(each, "display")) for each in sent if isinstance(each, dict) and len(each) > 1
    ]
    return {id: name for id, name in shown if isinstance(name, str) and name}


def part_of(sent: dict[str, Any], name: str) -> Any:
    """A sub-attribute of a member, its name compared without case."""
    return next((item for key, item in sent.items() if key.lower() == name), None)
