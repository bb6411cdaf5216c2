"""What operations on `members` say, as steps over ids: the member list itself is never read."""

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim import membership, patch
from promapp_lite.scim.membership import MembershipChange
from promapp_lite.scim.resource_types import GROUPS
from promapp_lite.scim.schema import GROUP


def steps(*operations):
    """The steps of PATCH operations (op, path, value); no path is None."""
    sent = [dict(zip(("op", "path", "value"), each, strict=False)) for each in operations]
    return membership.split(patch.parse(GROUPS, {"Operations": sent}))[1]


A, B = {"value": "a"}, {"value": "b"}
STEPS = [
    (("add", "members", [A, B]), [("add", ("a", "b"))]),
    (("Add", "MEMBERS", A), [("add", ("a",))]),
    (("add", "members", "a"), [("add", ("a",))]),
    (("add", "members", ["a", "b", "a"]), [("add", ("a", "b"))]),
    (("add", "members", [{"$ref": None, "VALUE": "a", "type": "User", "more": 1}]), [("add", ("a",))]),
    (("add", f"{GROUP}:members", [A]), [("add", ("a",))]),
    (("add", "members.value", "a"), [("add", ("a",))]),
    (("add", 'members[value eq "a"]'), [("add", ("a",))]),
    (("add", 'members[value eq "a"]', [B]), [("add", ("a", "b"))]),
    (("add", None, {"members": [A]}), [("add", ("a",))]),
    (("replace", "members", [A]), [("set", ("a",))]),
    (("replace", "members", []), [("set", ())]),
    (("replace", "members", None), [("set", ())]),
    (("replace", None, {"members": [A], "displayName": "g"}), [("set", ("a",))]),
    (("replace", None, {"displayName": "g"}), []),
    (("replace", 'members[value eq "a"]', [B]), [("remove", ("a",)), ("add", ("b",))]),
    (("replace", 'members[value eq "a"]'), [("remove", ("a",)), ("add", ("a",))]),
    (("add", "members", ["Babs.J", "u+1@x:7", "a~b_c-d"]), [("add", ("Babs.J", "u+1@x:7", "a~b_c-d"))]),
    (("add", "members", ["x" * 64]), [("add", ("x" * 64,))]),
    # remove: with values only those, without any all (RFC 7644 §3.5.2.2)
    (("remove", "members", [A]), [("remove", ("a",))]),
    (("Remove", "members", A), [("remove", ("a",))]),
    (("remove", "members", []), [("remove", ())]),
    (("remove", "members"), [("set", ())]),
    (("remove", "members", None), [("set", ())]),
    (("remove", 'members[value eq "A"]'), [("remove", ("A",))]),
    (("remove", "members[value eq a]"), [("remove", ("a",))]),
    (("remove", 'members[value eq "a"]', [A]), [("remove", ("a",))]),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "wanted"), STEPS)
def test_steps(operation, wanted):
    """Each form, Entra's and the RFC's, means these steps."""
    assert [(step.act, step.ids) for step in steps(operation)] == wanted


@pytest.mark.parametrize(
    "text", ['type eq "Group"', 'value eq "a" or value eq "b"', 'not (value eq "a")', "value pr"]
)
def test_a_filter_chooses(text):
    """Any other filter goes to the store as it is."""
    (step,) = steps(("remove", f"members[{text}]"))
    assert (step.act, step.ids) == ("remove", ()) and step.tree is not None


def test_in_order():
    """Steps and own operations keep their order."""
    own, found = membership.split(
        patch.parse(
            GROUPS,
            {
                "Operations": [
                    {"op": "add", "path": "members", "value": "a"},
                    {"op": "replace", "path": "displayName", "value": "x"},
                    {"op": "remove", "path": "members"},
                    {"op": "add", "value": {"externalId": "e", "members": ["b"]}},
                ]
            },
        )
    )
    assert [str(each.path) for each in own] == ["displayName", "externalId"]
    assert found == [
        MembershipChange("add", ("a",)),
        MembershipChange("set"),
        MembershipChange("add", ("b",)),
    ]


def test_names():
    """The display sent with a member is kept with its id."""
    (step,) = steps(
        ("add", "members", [{"value": "a", "Display": "Ada"}, {"value": "b", "display": ""}, "c"])
    )
    assert step.names == {"a": "Ada"} and step.ids == ("a", "b", "c")


MEMBER = "invalidValue"
REFUSED = [
    (MEMBER, ("add", "members", [7])),
    (MEMBER, ("add", "members", [None])),
    (MEMBER, ("add", "members", [{}])),
    (MEMBER, ("add", "members", [{"value": None}])),
    (MEMBER, ("add", "members", [{"value": ""}])),
    (MEMBER, ("add", "members", [{"value": "x" * 65}])),
    (MEMBER, ("add", "members", [{"value": "x" * 255}])),
    *((MEMBER, ("add", "members", [{"value": f"a{bad}b"}])) for bad in "[](){} \n\t\"'/\\,;%é\u200b"),
    (MEMBER, ("add", "members", [" a"])),
    (MEMBER, ("replace", "members", ["a", "b\n"])),
    (MEMBER, ("add", "members.value", "a b")),
    (MEMBER, ("add", None, {"members": [{"value": "[a]"}]})),
    (MEMBER, ("add", 'members[value eq "a b"]')),
    (MEMBER, ("replace", 'members[value eq "a"]', [{"value": "b]"}])),
    ("mutability", ("replace", 'members[value eq "a"].value', "b")),
    ("mutability", ("add", 'members[value eq "a"].value', "b")),
    ("mutability", ("remove", 'members[value eq "a"].value')),
    ("mutability", ("replace", 'MEMBERS[VALUE eq "a"].VALUE', "b")),
    ("mutability", ("replace", 'members[type eq "User"].value', "b")),
    ("mutability", ("replace", f'{GROUP}:members[value eq "a"].value', "b")),
    (MEMBER, ("add", "members", [["a"]])),
    (MEMBER, ("remove", "members", [{"display": "Ada"}])),
    (MEMBER, ("add", "members")),
    ("invalidPath", ("add", "members.display", "x")),
    ("invalidPath", ("replace", 'members[value eq "a"].display', "x")),
    ("invalidPath", ("remove", 'members[$ref eq "a"]')),
    ("noTarget", ("add", 'members[type eq "User"]', [A])),
    ("noTarget", ("replace", 'members[value eq "a" or value eq "b"]', [A])),
    ("invalidFilter", ("remove", "members[value]")),
    ("tooMany", ("add", "members", ["x"] * 50_001)),
]


@pytest.mark.parametrize(("scim_type", "operation"), REFUSED)
def test_refused(scim_type, operation):
    """What names no member is refused."""
    with pytest.raises(ScimError) as caught:
        steps(operation)
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)


@pytest.mark.parametrize("number", [20, 21])
def test_filters_limit(number):
    """20 filters over members a PATCH; those that name an id are none."""
    by_type = [("remove", 'members[type eq "User"]')] * number
    assert len(steps(*[("remove", 'members[value eq "a"]')] * 100)) == 100
    if number == 20:
        assert len(steps(*by_type)) == 20
        return
    with pytest.raises(ScimError, match="At most 20 filters"):
        steps(*by_type)


REPLACED = [
    ("b", {"value": "c"}, ["a", "c"]),
    ("b", [{"value": "c", "display": "C"}], ["a", "c"]),
    ("b", "c", ["a", "c"]),
    ("b", {"value": "b"}, ["a", "b"]),
    ("b", None, ["a", "b"]),
    ("z", {"value": "c"}, None),
    ("z", {"value": "a"}, None),
    ("z", {"value": "z"}, None),
    ("z", None, None),
    ("B", "c", None),
]


@pytest.mark.parametrize(("named", "value", "wanted"), REPLACED)
def test_replace_one(send, named, value, wanted):
    """Who is replaced has to be a member; otherwise 400 noTarget, and the group is as before."""
    members = [{"value": "a"}, {"value": "b"}]
    group = send("POST", "/Groups", {"displayName": "g", "members": members}).json["id"]
    sent = [
        {"op": "add", "path": "members", "value": "d"},
        {"op": "remove", "path": "members", "value": "d"},
        {"op": "replace", "path": f'members[value eq "{named}"]', "value": value},
    ]
    answer = send("PATCH", f"/Groups/{group}", {"Operations": sent})
    if wanted is None:
        assert (answer.status, answer.json["scimType"]) == (400, "noTarget")
    else:
        assert answer.status == 204
    held = [each["value"] for each in send("GET", f"/Groups/{group}").json["members"]]
    assert held == (wanted or ["a", "b"])
