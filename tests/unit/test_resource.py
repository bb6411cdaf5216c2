"""A resource as it is kept and as it is shown: built, finished, compared, shown, cut to a selection."""

import json

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim import resource
from promapp_lite.scim.resource import Row, Selection, select
from promapp_lite.scim.resource_types import GROUPS, USERS
from promapp_lite.scim.schema import ENTERPRISE, GROUP, USER

CUSTOM = "urn:acme:hr:2.0:User"


@pytest.mark.parametrize("body", [None, [], "x", 7, True])
def test_no_object(body):
    """What is no object makes no resource."""
    with pytest.raises(ScimError) as caught:
        resource.build(USERS, body)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidSyntax")


def test_build_a_group():
    """A group's document is built without its members, which become steps."""
    document, steps = resource.build(
        GROUPS, {"schemas": [GROUP], "displayName": "g", "members": [{"value": "a"}]}
    )
    assert document == {"displayName": "g"}
    assert [(step.act, step.ids) for step in steps] == [("add", ("a",))]


SCHEMAS = [
    ({"userName": "a"}, [USER]),
    ({"userName": "a", "schemas": ["rubbish"]}, [USER]),
    ({"userName": "a", ENTERPRISE: {"department": "d"}}, [USER, ENTERPRISE]),
    ({"userName": "a", CUSTOM: {"x": 1}, ENTERPRISE: {"department": "d"}}, [USER, CUSTOM, ENTERPRISE]),
]


@pytest.mark.parametrize(("document", "schemas"), SCHEMAS)
def test_schemas(document, schemas):
    """`schemas` says what is in the document, whatever was sent."""
    assert resource.finish(USERS, document)["schemas"] == schemas


@pytest.mark.parametrize(("kind", "name"), [(USERS, "userName"), (GROUPS, "displayName")])
def test_required(kind, name):
    """What is required must be there; the words name it."""
    with pytest.raises(ScimError, match=f"{name} is required") as caught:
        resource.finish(kind, {"title": "x"})
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidValue")


DIFFS = [
    ({}, {}, []),
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": True}, [("a", 1, True)]),
    ({"a": 1}, {"a": 1.5}, [("a", 1, 1.5)]),
    ({"a": "1"}, {"a": 1}, [("a", "1", 1)]),
    ({"title": "x"}, {}, [("title", "x", None)]),
    ({}, {"title": "x"}, [("title", None, "x")]),
    ({"name": {"givenName": "a", "familyName": "f"}}, {"name": {"givenName": "b", "familyName": "f"}},
     [("name.givenName", "a", "b")]),
    ({"name": {"givenName": "a"}}, {}, [("name.givenName", "a", None)]),
    ({ENTERPRISE: {"department": "a"}}, {ENTERPRISE: {"department": "b"}},
     [(f"{ENTERPRISE}:department", "a", "b")]),
    ({"emails": [{"value": "a"}]}, {"emails": [{"value": "b"}]},
     [("emails", [{"value": "a"}], [{"value": "b"}])]),
    ({"emails": [{"value": "a", "type": "t"}]}, {"emails": [{"type": "t", "value": "a"}]}, []),
    ({"a": {"x": 1}}, {"a": "y"}, [("a.x", 1, None), ("a", None, "y")]),
    ({"schemas": ["x"]}, {"schemas": ["y"]}, []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "wanted"), DIFFS)
def test_diff(before, after, wanted):
    """Each attribute that differs, once, with what it was and is; None is absent."""
    assert [tuple(each.values()) for each in resource.diff(before, after)] == wanted


def test_show():
    """The kept text to the letter, then id and meta."""
    row = Row("i", '{"schemas":["s"],"x":1.0,"ä":"\\u00e9"}', 3, "C", "M")
    shown = resource.show(USERS, row, "https://h/scim", '"groups":[]')
    assert shown.startswith(row.doc[:-1])
    assert json.loads(shown) == {
        "schemas": ["s"],
        "x": 1.0,
        "ä": "é",
        "id": "i",
        "groups": [],
        "meta": {
            "resourceType": "User",
            "created": "C",
            "lastModified": "M",
            "location": "https://h/scim/Users/i",
            "version": 'W/"3"',
        },
    }


DOCUMENT = {
    "schemas": [USER, ENTERPRISE],
    "id": "1",
    "userName": "ada",
    "name": {"givenName": "A", "familyName": "L"},
    "emails": [{"type": "work", "value": "w"}, {"type": "home", "value": "h"}],
    ENTERPRISE: {"department": "d", "manager": {"value": "7", "$ref": "r"}},
    "Nobody": {"Sub": 1, "other": 2},
    "tags": ["a"],
    "meta": {"version": "v", "created": "c"},
}
ALWAYS = {"schemas": DOCUMENT["schemas"], "id": "1"}
ONLY = {
    "userName": {"userName": "ada"},
    "USERNAME": {"userName": "ada"},
    f"{USER}:userName": {"userName": "ada"},
    "name": {"name": DOCUMENT["name"]},
    "name.givenName": {"name": {"givenName": "A"}},
    "name.givenName, name.familyName": {"name": DOCUMENT["name"]},
    "emails.value": {"emails": [{"value": "w"}, {"value": "h"}]},
    "emails.value,emails.type": {"emails": DOCUMENT["emails"]},
    ENTERPRISE: {ENTERPRISE: DOCUMENT[ENTERPRISE]},
    f"{ENTERPRISE}:department": {ENTERPRISE: {"department": "d"}},
    "manager.value": {ENTERPRISE: {"manager": {"value": "7"}}},
    f"{ENTERPRISE}:manager.value,department": {ENTERPRISE: {"manager": {"value": "7"}, "department": "d"}},
    "meta.version": {"meta": {"version": "v"}},
    "nobody.sub": {"Nobody": {"Sub": 1}},
    "tags": {"tags": ["a"]},
    "title": {},
    f"{ENTERPRISE}:costCenter": {},
    CUSTOM: {},
    "id": {},
    "schemas": {},
}


def cut(attributes="", excluded=""):
    """The document cut to a selection."""
    chosen = select(USERS, attributes.split(","), excluded.split(","))
    return json.loads(resource.project(json.dumps(DOCUMENT), chosen))


@pytest.mark.parametrize("attributes", ONLY)
def test_attributes(attributes):
    """Only what was asked for, and what is returned always (RFC 7644 §3.9)."""
    assert cut(attributes) == {**ALWAYS, **ONLY[attributes]}


WITHOUT = {
    "userName": ["userName"],
    "name.givenName": ["name", "givenName"],
    "emails": ["emails"],
    ENTERPRISE: [ENTERPRISE],
    f"{ENTERPRISE}:department": [ENTERPRISE, "department"],
    "manager": [ENTERPRISE, "manager"],
    "nobody.SUB": ["Nobody", "Sub"],
    "meta": ["meta"],
    "id": [],
    "schemas": [],
    "title": [],
}


@pytest.mark.parametrize("excluded", WITHOUT)
def test_excluded(excluded):
    """All but what was excluded; what is returned always stays."""
    wanted = json.loads(json.dumps(DOCUMENT))
    if WITHOUT[excluded]:
        *holders, last = WITHOUT[excluded]
        del (wanted[holders[0]] if holders else wanted)[last]
    assert cut(excluded=excluded) == wanted


def test_excluded_parts_of_each_value():
    """A sub-attribute is left out of each value."""
    assert cut(excluded="emails.type")["emails"] == [{"value": "w"}, {"value": "h"}]


def test_excluded_to_nothing():
    """What has no parts left is not shown: an object without members says nothing (RFC 7643 §2.5)."""
    assert "name" not in cut(excluded="name.givenName,name.familyName")
    assert ENTERPRISE not in cut(excluded=f"{ENTERPRISE}:department,{ENTERPRISE}:manager")


@pytest.mark.parametrize("text", ["", " ", ",", USER, USER.lower()])
def test_no_selection(text):
    """Nothing named, or the core schema, is everything."""
    assert select(USERS, text.split(","), []) == Selection()
    assert cut(text) == DOCUMENT


WANTS = [
    ("", "", True), ("userName", "", False), ("groups", "", True), ("groups.value", "", True),
    ("", "groups", False), ("", "groups.value", True), ("", "userName", True), ("GROUPS", "", True),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "excluded", "wanted"), WANTS)
def test_wants(attributes, excluded, wanted):
    """What is costly is read only where it will be shown."""
    assert select(USERS, [attributes], [excluded]).wants("groups") is wanted
