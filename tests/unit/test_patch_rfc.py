"""PATCH as RFC 7644 §3.5.2 tells it: examples, scimTypes of table 9, primary, mutability, flat keys."""

import copy

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim import membership, patch, resource
from promapp_lite.scim.resource_types import GROUPS, USERS
from promapp_lite.scim.schema import ENTERPRISE, USER

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

BABS = {"display": "Babs Jensen", "$ref": "https://example.com/v2/Users/2819c223", "value": "2819c223"}
JAMES = {"display": "James Smith", "$ref": "https://example.com/v2/Users/08e1d05d", "value": "08e1d05d"}
WORK_ADDRESS = {
    "type": "work",
    "streetAddress": "911 Universal City Plaza",
    "locality": "Hollywood",
    "region": "CA",
    "postalCode": "91608",
    "country": "US",
    "formatted": "911 Universal City Plaza\nHollywood, CA 91608 US",
    "primary": True,
}
W = {"type": "work", "value": "w@x"}
H = {"type": "home", "value": "h@x"}


def run(given, *operations):
    """The document after the operations."""
    document = copy.deepcopy(given)
    patch.apply(document, patch.parse(USERS, {"schemas": [PATCH_URN], "Operations": list(operations)}))
    return document


def op(name, path=None, *value):
    """An operation."""
    found = {"op": name} | ({} if path is None else {"path": path})
    return found | {"value": value[0]} if value else found


EXAMPLES = {
    "§3.5.2 the example of a body": (
        {"nickName": "old"},
        [
            op("remove", "nickName"),
            op("add", None, {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}),
        ],
        {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickName": "Babs"},
    ),
    "§3.5.2.1 add without a path": (
        {"userName": "babs"},
        [op("add", None, {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"})],
        {"userName": "babs", "emails": [{"value": "babs@jensen.org", "type": "home"}], "nickName": "Babs"},
    ),
    "§3.5.2.1 what is there already is not added again": (
        {"emails": [W]},
        [op("add", "emails", [W])],
        {"emails": [W]},
    ),
    "§3.5.2.1 add replaces the value of a single-valued attribute": (
        {"title": "a"},
        [op("add", "title", "b")],
        {"title": "b"},
    ),
    "§3.5.2.1 add to a complex attribute adds its parts": (
        {"name": {"givenName": "a"}},
        [op("add", "name", {"familyName": "b"})],
        {"name": {"givenName": "a", "familyName": "b"}},
    ),
    "§3.5.2.2 remove a single-valued attribute": ({"title": "a"}, [op("remove", "title")], {}),
    "§3.5.2.2 remove a multi-valued attribute": ({"emails": [W, H]}, [op("remove", "emails")], {}),
    "§3.5.2.2 remove with a value filter and more": (
        {"emails": [W, {**W, "value": "w@example.com"}, {**H, "value": "h@example.com"}]},
        [op("remove", 'emails[type eq "work" and value ew "example.com"]')],
        {"emails": [W, {**H, "value": "h@example.com"}]},
    ),
    "§3.5.2.2 remove all that a filter chooses is remove": (
        {"emails": [W]},
        [op("remove", 'emails[type eq "work"]')],
        {},
    ),
    "§3.5.2.2 remove a sub-attribute that a filter chooses": (
        {"addresses": [WORK_ADDRESS]},
        [op("remove", 'addresses[type eq "work"].region')],
        {"addresses": [{name: item for name, item in WORK_ADDRESS.items() if name != "region"}]},
    ),
    "§3.5.2.2 what is not there can be removed": ({"title": "a"}, [op("remove", "nickName")], {"title": "a"}),
    "§3.5.2.3 replace a whole work address": (
        {"addresses": [{"type": "work", "country": "DE"}, {"type": "home", "country": "CH"}]},
        [op("replace", 'addresses[type eq "work"]', WORK_ADDRESS)],
        {"addresses": [WORK_ADDRESS, {"type": "home", "country": "CH"}]},
    ),
    "§3.5.2.3 replace one part of it": (
        {"addresses": [WORK_ADDRESS]},
        [op("replace", 'addresses[type eq "work"].streetAddress', "1010 Broadway Ave")],
        {"addresses": [{**WORK_ADDRESS, "streetAddress": "1010 Broadway Ave"}]},
    ),
    "§3.5.2.3 replace without a path": (
        {"emails": [W, H], "nickName": "x", "title": "stays"},
        [
            op(
                "replace",
                None,
                {
                    "emails": [
                        {"value": "bjensen@example.com", "type": "work", "primary": True},
                        {"value": "babs@jensen.org", "type": "home"},
                    ],
                    "nickname": "Babs",
                },
            )
        ],
        {
            "emails": [
                {"value": "bjensen@example.com", "type": "work", "primary": True},
                {"value": "babs@jensen.org", "type": "home"},
            ],
            "nickName": "Babs",
            "title": "stays",
        },
    ),
    "§3.5.2.3 replace what is not there is add": ({}, [op("replace", "title", "x")], {"title": "x"}),
    "§3.5.2.3 parts that are not named stay": (
        {"name": {"givenName": "a", "familyName": "b"}},
        [op("replace", "name", {"givenName": "c"})],
        {"name": {"givenName": "c", "familyName": "b"}},
    ),
    "figure 1 names: whole URN, attribute, sub-attribute": (
        {},
        [
            op("add", f"{USER}:name.familyName", "a"),
            op("add", f"{ENTERPRISE}:employeeNumber", "7"),
            op("add", ENTERPRISE, {"division": "d"}),
        ],
        {"name": {"familyName": "a"}, ENTERPRISE: {"employeeNumber": "7", "division": "d"}},
    ),
    "each operation sees what the one before did": (
        {},
        [
            op("add", 'emails[type eq "work"].value', "a@x"),
            op("replace", 'emails[type eq "work"].value', "b@x"),
            op("add", 'emails[type eq "work"].display', "B"),
            op("add", "emails", [H]),
            op("remove", 'emails[type eq "home"]'),
        ],
        {"emails": [{"type": "work", "value": "b@x", "display": "B"}]},
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name):
    """Each example and sentence of §3.5.2 has its result."""
    given, operations, wanted = EXAMPLES[name]
    assert run(given, *operations) == wanted


GROUP = {
    "§3.5.2.1 add a member": (
        ["2819c223"],
        op("add", "members", [JAMES]),
        ["08e1d05d", "2819c223"],
    ),
    "§3.5.2.2 remove one member by a filter": (
        ["08e1d05d", "2819c223"],
        op("remove", 'members[value eq "2819c223"]'),
        ["08e1d05d"],
    ),
    "§3.5.2.2 remove all members": (["08e1d05d", "2819c223"], op("remove", "members"), []),
    "§3.5.2.3 replace all members": (
        ["a", "b"],
        op("replace", "members", [BABS, JAMES]),
        ["08e1d05d", "2819c223"],
    ),
    "§3.5.2.3 replace them with none": (["a"], op("replace", "members", []), []),
    "add without a path": (["a"], op("add", None, {"members": [{"value": "b"}]}), ["a", "b"]),
    "replace without a path, members not named": (["a"], op("replace", None, {"displayName": "n"}), ["a"]),
}


@pytest.mark.parametrize("name", GROUP)
def test_groups(send, name):
    """The examples on groups, through HTTP: 204, and the members are these."""
    before, operation, after = GROUP[name]
    group = send("POST", "/Groups", {"displayName": "g", "members": [{"value": id} for id in before]}).json[
        "id"
    ]
    answer = send("PATCH", f"/Groups/{group}", {"Operations": [operation]})
    assert (answer.status, answer.json) == (204, None)
    assert [each["value"] for each in send("GET", f"/Groups/{group}").json["members"]] == after


def test_remove_and_add_a_member_in_one(send):
    """§3.5.2.3: a member goes and another comes in one request."""
    group = send("POST", "/Groups", {"displayName": "g", "members": [{"value": "2819c223"}]}).json["id"]
    operations = [op("remove", 'members[value eq "2819c223"]'), op("add", "members", [JAMES])]
    assert send("PATCH", f"/Groups/{group}", {"Operations": operations}).status == 204
    assert send("GET", f"/Groups/{group}").json["members"] == [{"value": "08e1d05d"}]


TABLE_9 = [
    # invalidFilter: the filter of a path is wrong, or compares what cannot be compared
    ("invalidFilter", op("remove", 'emails[type is "x"]')),
    ("invalidFilter", op("remove", "emails[]")),
    ("invalidFilter", op("remove", "emails[primary gt true]")),
    ("invalidFilter", op("remove", 'emails[type eq "x" or]')),
    ("invalidFilter", op("remove", f"emails[{'(' * 21}type pr{')' * 21}]")),
    # tooMany
    ("tooMany", op("add", "emails", ["x"] * 1001)),
    ("tooMany", op("remove", f"emails[{' or '.join(['type pr'] * 51)}]")),
    # mutability: what the service keeps
    ("mutability", op("replace", "id", "x")),
    ("mutability", op("remove", "id")),
    ("mutability", op("add", "meta.created", "2026-01-01T00:00:00Z")),
    ("mutability", op("replace", "meta", {})),
    ("mutability", op("add", "groups", [{"value": "x"}])),
    ("mutability", op("remove", 'groups[value eq "x"]')),
    ("mutability", op("replace", f"{ENTERPRISE}:manager.displayName", "x")),
    # invalidSyntax
    ("invalidSyntax", op("move", "title", "x")),
    ("invalidSyntax", {"path": "title", "value": "x"}),
    ("invalidSyntax", op(7, "title", "x")),
    ("invalidSyntax", "remove title"),
    ("invalidSyntax", None),
    ("invalidSyntax", op("add", None, {"title": "a", "TITLE": "b"})),
    ("invalidSyntax", op("add", None, {"manager": "a", f"{ENTERPRISE}:manager": "b"})),
    # invalidPath
    ("invalidPath", op("add", 7, "x")),
    ("invalidPath", op("add", ["title"], "x")),
    ("invalidPath", op("add", "a.b.c", "x")),
    ("invalidPath", op("add", "title.x", "x")),
    ("invalidPath", op("add", "1st", "x")),
    ("invalidPath", op("add", "emails[", "x")),
    ("invalidPath", op("add", 'emails[type eq "x"', "x")),
    ("invalidPath", op("add", 'emails[type eq "x"].a.b', "x")),
    ("invalidPath", op("add", 'emails[type eq "x"]value', "x")),
    ("invalidPath", op("add", 'emails.value[type eq "x"]', "x")),
    ("invalidPath", op("add", 'name[givenName eq "x"]', {})),
    ("invalidPath", op("add", 'title[value eq "x"]', "x")),
    ("invalidPath", op("add", USER, {"title": "x"})),
    # noTarget: nothing there, and the filter does not tell what to make; remove needs a path
    ("noTarget", op("remove")),
    ("noTarget", op("remove", "")),
    ("noTarget", op("remove", None, {"title": "x"})),
    ("noTarget", op("replace", 'emails[type co "zz"].value', "x")),
    ("noTarget", op("replace", 'emails[type eq "a" or type eq "b"]', {"value": "x"})),
    ("noTarget", op("add", 'emails[not (type pr)].value', "x")),
    # invalidValue
    ("invalidValue", op("add")),
    ("invalidValue", op("replace", None, "x")),
    ("invalidValue", op("replace", None, [{"title": "x"}])),
    ("invalidValue", op("add", "title")),
    ("invalidValue", op("add", "title", 7)),
    ("invalidValue", op("add", "active", "perhaps")),
    ("invalidValue", op("add", 'emails[type eq "work"].value', ["a", "b"])),
    ("invalidValue", op("add", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": True}])),
    ("mutability", op("remove", "userName")),
    ("mutability", op("Remove", "USERNAME", "ada")),
    ("mutability", op("remove", f"{USER}:userName")),
    ("mutability", op("remove", f"{USER}:userName", [{"value": "ada"}])),
    ("invalidValue", op("replace", "userName", None)),
    ("invalidValue", op("add", None, {"userName": ""})),
    ("invalidValue", op("replace", "userName", "")),
    ("invalidValue", op("add", ENTERPRISE, "x")),
]  # fmt: skip


@pytest.mark.parametrize(("scim_type", "operation"), TABLE_9)
def test_table_9(scim_type, operation):
    """What cannot be carried out has its scimType and a detail in words."""
    with pytest.raises(ScimError) as caught:
        resource.finish(USERS, run({"userName": "ada", "emails": [W]}, operation))
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)
    assert len(caught.value.detail) > 15


BODIES = [
    None, [], "x", 7, {}, {"Operations": None}, {"Operations": {}}, {"Operations": "x"},
    {"Operations": [op("add", "title", "x")], "schemas": 7}, {"Operations": [[]]},
    {"Operations": [op("add", "title", "x")], "schemas": [7]},
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_bodies(body):
    """What is no PATCH body is invalidSyntax."""
    with pytest.raises(ScimError) as caught:
        patch.parse(USERS, body)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidSyntax")


@pytest.mark.parametrize("schemas", [None, [], ["x"], [PATCH_URN], [PATCH_URN.lower()]])
def test_schemas(schemas):
    """Which URNs stand in schemas is the client's affair; letter case of members does not count."""
    body = {"OPERATIONS": [{"OP": "Add", "Path": "title", "VALUE": "x"}], "Schemas": schemas}
    assert len(patch.parse(USERS, body)) == 1


@pytest.mark.parametrize("schemas", [None, [], [PATCH_URN]])
def test_no_operations(send, schemas):
    """An empty list changes nothing, not even the version; Microsoft's validator sends it."""
    body = {"schemas": schemas, "Operations": []}
    user = send("POST", "/Users", {"userName": "ada"}).json
    answer = send("PATCH", f"/Users/{user['id']}", body)
    assert (answer.status, answer.json) == (200, user)
    group = send("POST", "/Groups", {"displayName": "g"}).json
    assert send("PATCH", f"/Groups/{group['id']}", body).status == 204
    assert send("GET", f"/Groups/{group['id']}").json["meta"] == group["meta"]
    assert send("PATCH", "/Users/none", body).status == 404


@pytest.mark.parametrize(
    "path", ["displayName", "DISPLAYNAME", "urn:ietf:params:scim:schemas:core:2.0:Group:displayName"]
)
def test_required_of_a_group(send, path):
    """The name of a group cannot be removed either; an optional attribute of that name can."""
    group = send("POST", "/Groups", {"displayName": "g"}).json["id"]
    answer = send("PATCH", f"/Groups/{group}", {"Operations": [op("remove", path)]})
    assert (answer.status, answer.json["scimType"]) == (400, "mutability")
    assert run({"displayName": "x"}, op("remove", "displayName")) == {}


P = {"type": "other", "value": "p@x", "primary": True}
PRIMARY = {
    "an added one takes over": (
        [P],
        op("add", "emails", [{**W, "primary": True}]),
        [("p@x", False), ("w@x", True)],
    ),
    "one set by a filter takes over": (
        [P, W],
        op("replace", 'emails[type eq "work"].primary', True),
        [("p@x", False), ("w@x", True)],
    ),
    "… also as a text": (
        [P, W],
        op("replace", 'emails[type eq "work"].primary', "True"),
        [("p@x", False), ("w@x", True)],
    ),
    "one made by a filter takes over": (
        [P],
        op("add", 'emails[type eq "work"]', {"value": "w@x", "primary": True}),
        [("p@x", False), ("w@x", True)],
    ),
    "… and by a filter on primary": (
        [W],
        op("add", "emails[primary eq true].value", "n@x"),
        [("w@x", None), ("n@x", True)],
    ),
    "one replaced whole takes over": (
        [P, W],
        op("replace", 'emails[type eq "work"]', {**W, "primary": True}),
        [("p@x", False), ("w@x", True)],
    ),
    "one that is not primary takes nothing": (
        [P],
        op("add", "emails", [{**W, "primary": False}]),
        [("p@x", True), ("w@x", False)],
    ),
    "the same again stays": ([P], op("add", "emails", [P]), [("p@x", True)]),
    "none need be primary": (
        [P, W],
        op("replace", 'emails[type eq "other"].primary', False),
        [("p@x", False), ("w@x", None)],
    ),
    "its value changes under it": (
        [P, W],
        op("replace", "emails[primary eq true].value", "n@x"),
        [("n@x", True), ("w@x", None)],
    ),
}


@pytest.mark.parametrize("name", PRIMARY)
def test_primary(name):
    """At most one value is primary, and it is the one set last (RFC 7644 §3.5.2)."""
    held, operation, wanted = PRIMARY[name]
    done = run({"emails": held}, operation)["emails"]
    assert [(each["value"], each.get("primary")) for each in done] == wanted


FLAT = {
    "name.givenName": ("a", {"name": {"givenName": "a"}}),
    "NAME.GIVENNAME": ("a", {"name": {"givenName": "a"}}),
    f"{ENTERPRISE}:department": ("d", {ENTERPRISE: {"department": "d"}}),
    f"{ENTERPRISE.upper()}:DEPARTMENT": ("d", {ENTERPRISE: {"department": "d"}}),
    f"{ENTERPRISE}:manager": ("7", {ENTERPRISE: {"manager": {"value": "7"}}}),
    f"{ENTERPRISE}:manager.value": ("7", {ENTERPRISE: {"manager": {"value": "7"}}}),
    ENTERPRISE: (
        {"department": "d", "manager": "7"},
        {ENTERPRISE: {"department": "d", "manager": {"value": "7"}}},
    ),
    f"{USER}:title": ("x", {"title": "x"}),
    USER: ({"title": "x", "name.givenName": "a"}, {"title": "x", "name": {"givenName": "a"}}),
    'emails[type eq "work"].value': ("w@x", {"emails": [W]}),
    "emails.value": ("w@x", {"emails": [{"value": "w@x"}]}),
    "urn:acme:hr:2.0:User:badge": ("7", {"urn:acme:hr:2.0:User": {"badge": "7"}}),
    "urn:acme:hr:2.0:User": ({"badge": "7"}, {"urn:acme:hr:2.0:User": {"badge": "7"}}),
    "nobody.sub": ("x", {"nobody": {"sub": "x"}}),
    "id": ("x", {}),
    "meta": ({"created": "x"}, {}),
    "meta.created": ("x", {}),
    "schemas": (["x"], {}),
    "groups": ([{"value": "x"}], {}),
    "password": ("x", {}),
    "__proto__": ({"a": 1}, {"__proto__": {"a": 1}}),
    "__class__": ("x", {"__class__": "x"}),
}  # fmt: skip


@pytest.mark.parametrize("key", FLAT)
@pytest.mark.parametrize("name", ["add", "replace"])
def test_flat_keys(name, key):
    """A key of a path-less value may be dotted, a URN or a value path; what the service keeps is ignored."""
    value, wanted = FLAT[key]
    assert run({}, op(name, None, {key: value})) == wanted


@pytest.mark.parametrize("key", FLAT)
def test_flat_keys_in_post(key):
    """A POST body goes the same way."""
    value, wanted = FLAT[key]
    document, steps = resource.build(USERS, {"userName": "a", key: value})
    assert (document, steps) == ({"userName": "a", **wanted}, [])


def test_all_or_nothing(send):
    """A PATCH is carried out whole or not at all (§3.5.2): the version stays, too."""
    user = send("POST", "/Users", {"userName": "ada", "title": "a"}).json
    operations = [op("replace", "title", "b"), op("add", "nickName", "n"), op("replace", "active", "perhaps")]
    assert send("PATCH", f"/Users/{user['id']}", {"Operations": operations}).status == 400
    assert send("GET", f"/Users/{user['id']}").json == user


def test_write_only():
    """A password is taken and thrown away, by every way."""
    for operation in (op("add", "password", "secret-x"), op("replace", None, {"password": "secret-x"})):
        assert run({"title": "x"}, operation, op("remove", "password")) == {"title": "x"}


def test_members_keep_to_themselves():
    """Operations on members never reach the group's document."""
    operations = patch.parse(
        GROUPS,
        {"Operations": [op("add", None, {"displayName": "n", "members": [BABS]}), op("remove", "members")]},
    )
    own, steps = membership.split(operations)
    assert [str(each.path) for each in own] == ["displayName"]
    assert [(step.act, step.ids) for step in steps] == [("add", ("2819c223",)), ("set", ())]


@pytest.mark.parametrize("count", [1000, 1001])
def test_operations_limit(count):
    """1,000 operations, not one more."""
    body = {"Operations": [op("add", "title", "x")] * count}
    if count == 1000:
        assert len(patch.parse(USERS, body)) == 1000
        return
    with pytest.raises(ScimError) as caught:
        patch.parse(USERS, body)
    assert caught.value.scim_type == "tooMany"


def test_values_limit():
    """Adding cannot grow an attribute beyond its limit."""
    held = {"emails": [{"value": str(n)} for n in range(1000)]}
    assert run(held, op("add", "emails", [{"value": "7"}])) == held
    for operation in (op("add", "emails", ["new"]), op("add", 'emails[type eq "new"].value', "new")):
        with pytest.raises(ScimError) as caught:
            run(held, operation)
        assert caught.value.scim_type == "tooMany"


CUSTOM = "urn:acme:hr:2.0:User"
DECLARED_NOWHERE = [
    ({CUSTOM: {"a": "1"}}, op("replace", f"{CUSTOM}:a", "2"), {CUSTOM: {"a": "2"}}),
    ({CUSTOM: {"a": "1"}}, op("replace", f"{CUSTOM.lower()}:A", "2"), {CUSTOM: {"a": "2"}}),
    ({CUSTOM: {"a": "1"}}, op("remove", f"{CUSTOM}:a"), {}),
    ({CUSTOM: {"a": "1", "b": "2"}}, op("remove", CUSTOM), {}),
    ({CUSTOM: {"a": "1"}}, op("add", CUSTOM, {"b": "2"}), {CUSTOM: {"a": "1", "b": "2"}}),
    ({CUSTOM: {"a": "1"}}, op("replace", None, {CUSTOM: {"a": "2"}}), {CUSTOM: {"a": "2"}}),
    ({CUSTOM: {"a": {"x": 1}}}, op("replace", f"{CUSTOM}:a.x", 2), {CUSTOM: {"a": {"x": 2}}}),
    ({CUSTOM: {"a": {"x": 1}}}, op("replace", f"{CUSTOM}:a", {"x": 2}), {CUSTOM: {"a": {"x": 2}}}),
    ({CUSTOM: {"a": {"x": 1}}}, op("replace", None, {f"{CUSTOM}:a": {"x": 2}}), {CUSTOM: {"a": {"x": 2}}}),
    ({CUSTOM: {"a": ["x"]}}, op("add", f"{CUSTOM}:a", ["y"]), {CUSTOM: {"a": ["x", "y"]}}),
    ({"tags": [{"type": "a"}]}, op("remove", 'tags[type eq "a"]'), {}),
    ({"Tags": ["a", "b"]}, op("remove", 'tags[value eq "a"]'), {"Tags": ["b"]}),
    ({"tags": ["a", "b"]}, op("remove", "tags", ["a"]), {"tags": ["b"]}),
    ({}, op("add", 'tags[type eq "a"].value', "x"), {"tags": [{"type": "a", "value": "x"}]}),
]


@pytest.mark.parametrize(("given", "operation", "wanted"), DECLARED_NOWHERE)
def test_declared_nowhere(given, operation, wanted):
    """Attributes and extensions nobody declared are changed where they stand."""
    assert run(given, operation) == wanted
