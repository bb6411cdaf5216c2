"""The bodies, word for word as Microsoft's documentation and captures show them."""

import pytest

from promapp_lite.rehearse.protocol import forms
from promapp_lite.rehearse.protocol.forms import Change
from promapp_lite.rehearse.protocol.paths import ENTERPRISE

WORK = 'emails[type eq "work"].value'
NUMBER = f"{ENTERPRISE}:employeeNumber"


def test_a_new_person():
    """POST: active is a boolean, the work mail primary, roles an empty list, no nulls."""
    body = forms.user_body(
        {
            "externalId": "z",
            "userName": "z@x",
            "active": "True",
            WORK: "z@m",
            "name.givenName": "Zoë",
            "name.familyName": "Young",
            NUMBER: "7",
        }
    )
    assert body == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": "z",
        "userName": "z@x",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": "z@m"}],
        "name": {"givenName": "Zoë", "familyName": "Young"},
        ENTERPRISE: {"employeeNumber": "7"},
        "meta": {"resourceType": "User"},
        "roles": [],
    }


def test_a_new_group():
    """POST: Microsoft's own schema beside the core one, and no members."""
    assert forms.group_body({"displayName": "T", "externalId": "8aa1"}) == {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
        ],
        "displayName": "T",
        "externalId": "8aa1",
        "meta": {"resourceType": "Group"},
    }


# (changes, operations without the flag, operations with it)
CASES = [
    (
        [Change("active", True, "False")],
        [{"op": "Replace", "path": "active", "value": "False"}],
        [{"op": "replace", "path": "active", "value": False}],
    ),
    (
        [Change("nickName", None, "Babs")],
        [{"op": "Add", "path": "nickName", "value": "Babs"}],
        [{"op": "add", "path": "nickName", "value": "Babs"}],
    ),
    (
        [
            Change("displayName", "a", "Bjfe"),
            Change(WORK, "b", "T@t"),
            Change("name.givenName", "c", "Kkom"),
            Change(NUMBER, "d", "Aklq"),
        ],
        [
            {"op": "Replace", "path": "displayName", "value": "Bjfe"},
            {"op": "Replace", "path": WORK, "value": "T@t"},
            {"op": "Replace", "path": "name.givenName", "value": "Kkom"},
            {"op": "Replace", "path": NUMBER, "value": "Aklq"},
        ],
        [
            {"op": "replace", "path": WORK, "value": "T@t"},
            {
                "op": "replace",
                "value": {"displayName": "Bjfe", "name.givenName": "Kkom", NUMBER: "Aklq"},
            },
        ],
    ),
    (
        [Change(WORK, None, "T@t"), Change(f"{ENTERPRISE}:manager", None, "271")],
        [
            {"op": "Replace", "path": WORK, "value": "T@t"},
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "271"},
        ],
        [
            {"op": "replace", "path": WORK, "value": "T@t"},
            {"op": "add", "path": f"{ENTERPRISE}:manager", "value": "271"},
        ],
    ),
    (
        [Change("active", False, "True"), Change("title", None, "x"), Change("locale", None, "y")],
        [
            {"op": "Replace", "path": "active", "value": "True"},
            {"op": "Add", "path": "title", "value": "x"},
            {"op": "Add", "path": "locale", "value": "y"},
        ],
        [
            {"op": "add", "value": {"title": "x", "locale": "y"}},
            {"op": "replace", "path": "active", "value": True},
        ],
    ),
]


@pytest.mark.parametrize(("changes", "without", "with_flag"), CASES)
def test_changes_of_attributes(changes, without, with_flag):
    """One operation each and texts for booleans; with the flag gathered, small and typed."""
    assert forms.operations(changes, flag=False) == without
    assert forms.operations(changes, flag=True) == with_flag
    assert forms.patch(without)["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]


def test_members():
    """Remove carries a value list, or with the flag one path a member."""
    assert forms.add_members(["u1", "u2"], flag=False) == [
        {
            "op": "Add",
            "path": "members",
            "value": [{"$ref": None, "value": "u1"}, {"$ref": None, "value": "u2"}],
        }
    ]
    assert forms.add_members(["u1"], flag=True) == [
        {"op": "add", "path": "members", "value": [{"value": "u1"}]}
    ]
    assert forms.remove_members(["u1", "u2"], flag=False) == [
        {"op": "Remove", "path": "members", "value": [{"value": "u1"}, {"value": "u2"}]}
    ]
    assert forms.remove_members(["u1", "u2"], flag=True) == [
        {"op": "remove", "path": 'members[value eq "u1"]'},
        {"op": "remove", "path": 'members[value eq "u2"]'},
    ]


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        ({"active": True}, False),
        ({"active": "true"}, False),
        ({"active": "True"}, False),
        ({"active": False}, True),
        ({}, True),
        ({"active": None}, True),
    ],
)
def test_active_is_compared_as_boolean(found, differs):
    """True, "True" and "true" are the same answer; no answer is a difference."""
    assert bool(forms.differences({"active": "True"}, found)) is differs


def test_other_values_are_compared_exactly():
    """A number that comes back with other blanks is sent again."""
    path = 'phoneNumbers[type eq "work"].value'
    resource = {"phoneNumbers": [{"type": "work", "value": "+6491"}]}
    assert forms.differences({path: "+64 9 1"}, resource) == [Change(path, "+6491", "+64 9 1")]
    assert forms.differences({path: "+6491"}, resource) == []
