"""What the service tells of itself: true to the tables, without nulls, filters or gaps (RFC 7643 §7)."""

import pytest

from promapp_lite.scim import discovery
from promapp_lite.scim.resource_types import RESOURCE_TYPES
from promapp_lite.scim.schema import ENTERPRISE, GROUP, USER

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
CORE = "urn:ietf:params:scim:schemas:core:2.0:"


def leaves(value):
    """Every value in a JSON value."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(item)


@pytest.mark.parametrize(
    ("path", "ids"), [("/Schemas", {USER, GROUP, ENTERPRISE}), ("/ResourceTypes", {"User", "Group"})]
)
def test_lists(send, path, ids):
    """A list of all, each found by its id in any letter case, at its own location."""
    found = send("GET", path).json
    assert found["schemas"] == [LIST]
    assert found["totalResults"] == found["itemsPerPage"] == len(found["Resources"]) == len(ids)
    assert {each["id"] for each in found["Resources"]} == ids
    for each in found["Resources"]:
        assert each["meta"]["location"].endswith(f"/api/scim{path}/{each['id']}")
        for spelled in (each["id"], each["id"].upper(), each["id"].lower() + "/"):
            assert send("GET", f"{path}/{spelled}").json == each


@pytest.mark.parametrize("path", ["/Schemas", "/ResourceTypes"])
def test_no_filter(send, path):
    """A filter is 403 (RFC 7644 §4); other parameters do no harm."""
    assert send("GET", f"{path}?filter=id+pr").status == 403
    assert send("GET", f"{path}?count=1&startIndex=7&sortBy=id").json["totalResults"] > 1


@pytest.mark.parametrize("path", ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"])
def test_no_nulls(send, path):
    """No null anywhere, names in camelCase."""
    found = send("GET", path).json
    assert None not in list(leaves(found))
    for each in leaves(found.get("Resources", [found])):
        if isinstance(each, dict):
            assert all(name[0].islower() for name in each)


def characteristics(shown, path=""):
    """(path, attribute) of every attribute and sub-attribute shown."""
    for each in shown:
        yield path + each["name"], each
        yield from characteristics(each.get("subAttributes", ()), f"{path}{each['name']}.")


def shown_by_path():
    """Every attribute of every schema by URN and path."""
    return {
        (schema["id"], path): each
        for schema in discovery.schemas("")
        for path, each in characteristics(schema["attributes"])
    }


@pytest.mark.parametrize("kind", RESOURCE_TYPES, ids=lambda kind: kind.name)
def test_as_the_table(kind):
    """Every attribute is shown with the characteristics that hold here (RFC 7643 §7)."""
    shown = shown_by_path()
    for urn, attributes in ((kind.urn, kind.attributes), *kind.extensions.items()):
        for attribute in attributes:
            for path, each in (
                (attribute.name, attribute),
                *((f"{attribute.name}.{s.name}", s) for s in attribute.sub_attributes),
            ):
                told = shown[urn, path]
                assert told["type"] == each.type and told["multiValued"] is each.multi_valued
                assert told["required"] is each.required and told["mutability"] == each.mutability
                assert told["returned"] == each.returned and told["description"] == each.description
                assert told.get("caseExact", each.case_exact) is each.case_exact
                assert told.get("uniqueness", each.uniqueness) == each.uniqueness
                assert ("subAttributes" in told) is each.complex


FACTS = {
    (USER, "userName"): {"required": True, "uniqueness": "server", "caseExact": False},
    (USER, "password"): {"mutability": "writeOnly", "returned": "never"},
    (USER, "groups"): {"mutability": "readOnly", "multiValued": True},
    (USER, "emails.type"): {"canonicalValues": ["work", "home", "other"]},
    (USER, "emails.primary"): {"type": "boolean"},
    (USER, "x509Certificates.value"): {"type": "binary", "caseExact": True},
    (ENTERPRISE, "manager.value"): {"caseExact": True},
    (ENTERPRISE, "manager.displayName"): {"mutability": "readOnly"},
    (GROUP, "displayName"): {"required": True, "uniqueness": "server"},
    (GROUP, "members.value"): {"mutability": "immutable"},
    (GROUP, "members.$ref"): {"referenceTypes": ["User", "Group"]},
}


@pytest.mark.parametrize("place", FACTS, ids=lambda place: place[1])
def test_facts(place):
    """What clients look at is as RFC 7643 §8.7 has it, or stricter where Entra needs it."""
    found = shown_by_path()[place]
    assert FACTS[place].items() <= found.items()


def test_booleans_have_no_case():
    """caseExact and uniqueness stand only where they mean something."""
    for each in shown_by_path().values():
        assert ("caseExact" in each) is (each["type"] in ("string", "reference", "binary"))


def test_resource_types():
    """The types name their schema, endpoint and extensions."""
    user, group = discovery.resource_types("https://h")
    assert (user["endpoint"], user["schema"]) == ("/Users", USER)
    assert user["schemaExtensions"] == [{"schema": ENTERPRISE, "required": False}]
    assert (group["endpoint"], group["schema"], group["schemaExtensions"]) == ("/Groups", GROUP, [])
    assert {each["schemas"][0] for each in (user, group)} == {CORE + "ResourceType"}


def test_configuration(send):
    """What it says it can do: all but changing passwords."""
    config = send("GET", "/ServiceProviderConfig").json
    can = {
        name: each["supported"]
        for name, each in config.items()
        if isinstance(each, dict) and "supported" in each
    }
    assert can == {
        "patch": True,
        "bulk": True,
        "filter": True,
        "changePassword": False,
        "sort": True,
        "etag": True,
    }
    assert config["schemas"] == [CORE + "ServiceProviderConfig"]
    assert config["authenticationSchemes"][0]["type"] == "oauthbearertoken"
    assert config["pagination"]["cursor"] and config["pagination"]["maxPageSize"] == 1000
