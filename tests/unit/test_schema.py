"""Paths: what each spelling names, whatever its URN, dots and letter case (RFC 7644 §3.10)."""

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim.filter import resource_resolver
from promapp_lite.scim.resource_types import GROUPS, RESOURCE_TYPES, USERS, resolve
from promapp_lite.scim.schema import ENTERPRISE, GROUP, USER

CUSTOM = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User"
PATHS = {
    # short names, sub-attributes
    "userName": "userName",
    "USERNAME": "userName",
    "name.givenName": "name.givenName",
    "NAME.GIVENNAME": "name.givenName",
    "emails.value": "emails.value",
    "emails.Value": "emails.value",
    "emails.$ref": "emails.$ref",
    "meta.lastModified": "meta.lastModified",
    "id": "id",
    "externalid": "externalId",
    # the core's URN
    f"{USER}:userName": "userName",
    f"{USER.upper()}:name.givenName": "name.givenName",
    f"{USER}.userName": "userName",
    # an extension's attribute, short, full, with a dot as the inbound collection has it
    "manager": f"{ENTERPRISE}:manager",
    "Department": f"{ENTERPRISE}:department",
    "manager.value": f"{ENTERPRISE}:manager.value",
    f"{ENTERPRISE}:manager": f"{ENTERPRISE}:manager",
    f"{ENTERPRISE}.manager": f"{ENTERPRISE}:manager",
    f"{ENTERPRISE}:manager.value": f"{ENTERPRISE}:manager.value",
    f"{ENTERPRISE}:manager.displayName": f"{ENTERPRISE}:manager.displayName",
    f"{ENTERPRISE.upper()}:EMPLOYEENUMBER": f"{ENTERPRISE}:employeeNumber",
    ENTERPRISE: ENTERPRISE,
    f"{ENTERPRISE}:": ENTERPRISE,
    # extensions nobody declared: the version has a dot
    f"{CUSTOM}:CustomAttribute": f"{CUSTOM}:CustomAttribute",
    f"{CUSTOM}:a.b": f"{CUSTOM}:a.b",
    f"{CUSTOM}.a": f"{CUSTOM}:a",
    CUSTOM: CUSTOM,
    "urn:acme:1.0.3:User:badge": "urn:acme:1.0.3:User:badge",
    "urn:acme:hr:badge": "urn:acme:hr:badge",
    "urn:acme:hr:badge.colour": "urn:acme:hr:badge.colour",
    # what no table knows
    "nobody": "nobody",
    "nobody.sub": "nobody.sub",
    "Nobody": "Nobody",
    "name.nobody": "name.nobody",
    f"{USER}:nobody": "nobody",
    f"{USER}:department": "department",  # named in the core, so not the extension's
    f"{ENTERPRISE}:nobody": f"{ENTERPRISE}:nobody",
    f"{ENTERPRISE}:userName": f"{ENTERPRISE}:userName",
    "a-b_c$1": "a-b_c$1",
    "__proto__": "__proto__",
    "__class__.__init__": "__class__.__init__",
}


@pytest.mark.parametrize("text", PATHS)
def test_paths(text):
    """Each spelling names this place, in the schema's own letter case."""
    assert str(resolve(USERS, text)) == PATHS[text]


GROUP_PATHS = {
    f"{GROUP}:displayName": "displayName",
    "members.value": "members.value",
    "MEMBERS": "members",
    "userName": "userName",
    "manager": "manager",
    f"{USER}:userName": f"{USER}:userName",
}


@pytest.mark.parametrize("text", GROUP_PATHS)
def test_group_paths(text):
    """Groups have attributes of their own and know nothing of the users'."""
    assert str(resolve(GROUPS, text)) == GROUP_PATHS[text]


WRONG = [
    "", ".", "a.", ".a", "a..b", "a.b.c", "1st", "a b", "a;b", "a[b]", "a/b", "é", "a\n", "userName.x",
    "title.value", "active.value", USER, f"{USER}:", f"{USER}:a.b.c", f"{CUSTOM}:a b",
    f"{ENTERPRISE}:manager.value.x",
    f"{ENTERPRISE}:department.x", "name.given Name",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_wrong_paths(text):
    """What is no attribute path is refused, in a filter as a wrong filter."""
    for scim_type, find in (
        ("invalidPath", lambda path: resolve(USERS, path)),
        ("invalidFilter", resource_resolver(USERS)),
    ):
        with pytest.raises(ScimError) as caught:
            find(text)
        assert (caught.value.status, caught.value.scim_type) == (400, scim_type)


MUTABILITY = {
    "id": "readOnly",
    "meta": "readOnly",
    "meta.created": "readOnly",
    "schemas": "readOnly",
    "groups": "readOnly",
    "groups.value": "readOnly",
    "manager": "readWrite",
    "manager.displayName": "readOnly",
    "password": "writeOnly",
    "userName": "readWrite",
    "emails.primary": "readWrite",
    "nobody": "readWrite",
    ENTERPRISE: "readWrite",
}


@pytest.mark.parametrize("text", MUTABILITY)
def test_mutability(text):
    """A path is as mutable as the stricter of attribute and sub-attribute (RFC 7643 §7)."""
    assert resolve(USERS, text).mutability == MUTABILITY[text]


def test_default_sub_attributes():
    """Any attribute may have type, primary and display (RFC 7643 §2.4)."""
    assert resolve(USERS, "addresses.display").leaf.type == "string"
    assert resolve(USERS, "nobody.primary").leaf.type == "boolean"


@pytest.mark.parametrize("kind", RESOURCE_TYPES, ids=lambda kind: kind.name)
def test_the_table_is_sound(kind):
    """Names are unique without case, complex attributes have parts, texts of at least a few words explain."""
    for attributes in (kind.attributes, *kind.extensions.values()):
        for attribute in attributes:
            names = [sub.name.lower() for sub in attribute.sub_attributes]
            assert len(names) == len(set(names))
            assert attribute.complex is (attribute.type == "complex")
            assert attribute.description.endswith(".")
            assert attribute.mutability in ("readOnly", "readWrite", "immutable", "writeOnly")
            assert attribute.returned in ("always", "never", "default", "request")
        assert len({each.name.lower() for each in attributes}) == len(attributes)


def test_urns_are_known():
    """A path belongs to a kind by the whole URN, not by how it begins."""
    assert (
        USERS.knows(USER) and USERS.knows(f"{USER.upper()}:userName") and USERS.knows(f"{ENTERPRISE}.manager")
    )
    assert not USERS.knows(f"{USER}2:userName") and not USERS.knows(GROUP) and not USERS.knows("userName")
