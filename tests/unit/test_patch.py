"""PATCH as tables: a document, operations, and the document or error that comes of them (RFC 7644 §3.5.2)."""

import copy

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim import patch, resource
from promapp_lite.scim.resource_types import USERS

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WORK = {"type": "work", "value": "w@x"}
HOME = {"type": "home", "value": "h@x"}


def run(given, *operations):
    """The document after the operations."""
    document = copy.deepcopy(given)
    patch.apply(document, patch.parse(USERS, {"Operations": list(operations)}))
    return document


def op(name, *place, **more):
    """An operation: op("add", value) or op("add", path, value)."""
    return {
        "op": name,
        **dict(zip(("path", "value")[-len(place) :] if place else (), place, strict=True)),
        **more,
    }


ADA = {"givenName": "Ada", "familyName": "Lovelace"}
NULLS = [
    # null or "" for an optional attribute removes that attribute, and only that
    ({"title": "x"}, op("replace", "title", None), {}),
    ({"title": "x"}, op("replace", "title", ""), {}),
    ({"title": "x"}, op("replace", "title", {"value": None}), {}),
    ({"title": "x"}, op("replace", "title", {"value": ""}), {}),
    ({"title": "x"}, op("replace", "title", []), {}),
    ({"title": "x"}, op("replace", {"title": None}), {}),
    ({"name": ADA}, op("replace", "name", None), {}),
    ({"name": ADA}, op("replace", "name.givenName", ""), {"name": {"familyName": "Lovelace"}}),
    ({"name": ADA}, op("replace", "name", {"givenName": ""}), {"name": {"familyName": "Lovelace"}}),
    ({"name": ADA}, op("replace", {"name": {"givenName": None}}), {"name": {"familyName": "Lovelace"}}),
    ({"name": ADA}, op("add", {"name": {"givenName": ""}}), {"name": {"familyName": "Lovelace"}}),
    (
        {"name": ADA},
        op("replace", "name", {"givenName": None, "familyName": "King"}),
        {"name": {"familyName": "King"}},
    ),
    ({ENTERPRISE: {"manager": {"value": "1"}}}, op("replace", f"{ENTERPRISE}:manager", {"value": ""}), {}),
    ({ENTERPRISE: {"manager": {"value": "1", "$ref": "x"}}}, op("replace", "manager.value", ""), {}),
    ({ENTERPRISE: {"manager": {"value": "1", "$ref": "x"}}}, op("remove", "manager.value", None), {}),
    ({}, op("replace", 'emails[type eq "work"]', None), {}),
    ({}, op("add", 'emails[type eq "work"]', ""), {}),
    ({"emails": [HOME]}, op("replace", 'emails[type eq "work"]', {"value": ""}), {"emails": [HOME]}),
    ({"emails": [HOME]}, op("replace", 'emails[type eq "work"].value', ""), {"emails": [HOME]}),
    ({"emails": [WORK, HOME]}, op("replace", 'emails[type eq "work"].value', None), {"emails": [HOME]}),
    ({"emails": [WORK, HOME]}, op("replace", 'emails[type eq "work"]', None), {"emails": [HOME]}),
]


@pytest.mark.parametrize(("given", "operation", "wanted"), NULLS)
def test_nulls(given, operation, wanted):
    """null and "" remove what they are sent for, and nothing beside it."""
    assert run(given, operation) == wanted


REFUSED = [
    ("invalidValue", op("replace", "userName", {"value": ""})),
    ("invalidValue", op("replace", path='emails[type eq "work"].value')),
    ("invalidValue", op("add", path='emails[type eq "work"]')),
    ("invalidValue", op("add", path="title")),
]


@pytest.mark.parametrize(("scim_type", "operation"), REFUSED)
def test_refused(scim_type, operation):
    """An operation that cannot be carried out is refused with its scimType."""
    with pytest.raises(ScimError) as caught:
        resource.finish(USERS, run({"userName": "ada", "emails": [WORK]}, operation))
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)


def test_one_primary_without_filter():
    """However primary is set, at most one value has it (RFC 7643 §2.4)."""
    done = run({"emails": [WORK, HOME]}, op("replace", "emails.primary", True))
    assert sum(each.get("primary") is True for each in done["emails"]) <= 1


FREE = [
    ({"tags": ["a"]}, op("add", "tags", ["b"]), {"tags": ["a", "b"]}),
    ({"tags": ["a"]}, op("replace", "tags", ["b"]), {"tags": ["b"]}),
    ({}, op("add", "x", {"a": None, "b": 1}), {"x": {"b": 1}}),
]


@pytest.mark.parametrize(("given", "operation", "wanted"), FREE)
def test_free_attributes(given, operation, wanted):
    """Attributes no table knows follow the same rules."""
    assert run(given, operation) == wanted
