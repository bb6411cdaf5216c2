"""PATCH touches what it names and nothing else, in every form that names it."""

import copy

import pytest

from promapp_lite.scim import patch, resource
from promapp_lite.scim.resource_types import USERS
from promapp_lite.scim.schema import ENTERPRISE

EXT = "urn:example:params:scim:schemas:extension:acme:2.0:User"
W = {"type": "work", "value": "a@x"}
H = {"type": "home", "value": "h@x"}


def run(given, *operations):
    """The document after the operations, each (op, path, value); a path of None is left out."""
    sent = [dict(zip(("op", "path", "value"), each, strict=False)) for each in operations]
    document = copy.deepcopy(given)
    patch.apply(document, patch.parse(USERS, {"Operations": sent}))
    return document


def held(*values):
    """A document with these e-mail addresses."""
    return {"emails": list(values)} if values else {}


NAMED_TO_GO = {
    "an object": (held(W, H), ("emails", {"value": "a@x", "type": "work"}), held(H)),
    "a list of objects": (held(W, H), ("emails", [{"value": "a@x", "type": "work"}]), held(H)),
    "an object with less": (held(W, H), ("EMAILS", {"VALUE": "a@x"}), held(H)),
    "a text": (held(W, H), ("emails", "a@x"), held(H)),
    "a list of texts": (held(W, H), ("emails", ["a@x", "h@x"]), {}),
    "whatever the case": (held(W, H), ("emails", "A@X"), held(H)),
    "… in a list": (held(W, H), ("emails", [{"value": "A@X", "type": "WORK"}]), held(H)),
    "… but not where case counts": (
        {"x509Certificates": [{"value": "aGk="}]},
        ("x509Certificates", "AGK="),
        {"x509Certificates": [{"value": "aGk="}]},
    ),
    "a type alone": (held(W, H), ("emails", {"type": "work"}), held(H)),
    "somebody else's": (held(W, H), ("emails", {"value": "z@x"}), held(W, H)),
    "the right value with a wrong type": (held(W), ("emails", {"value": "a@x", "type": "home"}), held(W)),
    "an empty list names nothing": (held(W), ("emails", []), held(W)),
    "an empty object names nothing": (held(W), ("emails", {}), held(W)),
    "a value of null names nothing": (held(W), ("emails", [{"value": None}]), held(W)),
    "null is no value": (held(W), ("emails", None), {}),
    "an empty text is no value": (held(W), ("emails", ""), {}),
    "no value": (held(W), ("emails",), {}),
    "a sub-attribute": (held(W, H), ("emails.value", "A@x"), held({"type": "work"}, H)),
    "a sub-attribute in a list": (held(W, H), ("emails.value", ["a@x"]), held({"type": "work"}, H)),
    "a sub-attribute that none has": (held(W, H), ("emails.value", "z@x"), held(W, H)),
    "a label": (held(W, H), ("emails.type", "work"), held({"value": "a@x"}, H)),
    "roles": (
        {"roles": [{"value": "Admin", "primary": True}, {"value": "User"}]},
        ("roles", {"value": "admin", "primary": "True"}),
        {"roles": [{"value": "User"}]},
    ),
    "undeclared texts": ({EXT: {"tags": ["a", "b"]}}, (f"{EXT}:tags", "A"), {EXT: {"tags": ["b"]}}),
    "undeclared texts in a list": ({EXT: {"tags": ["a"]}}, (f"{EXT}:TAGS", ["A", "c"]), {}),
    "undeclared objects": (
        {EXT: {"tags": [{"Value": "a", "n": 1}, {"value": "b"}]}},
        (f"{EXT}:tags", {"VALUE": "A", "N": 1}),
        {EXT: {"tags": [{"value": "b"}]}},
    ),
    "a text among undeclared objects": ({"tags": [{"value": "a"}, "b"]}, ("tags", "a"), {"tags": ["b"]}),
    "an object among undeclared texts": ({"tags": ["a", "b"]}, ("tags", {"value": "a"}), {"tags": ["b"]}),
    "numbers and booleans": ({"tags": [1, True, "1"]}, ("tags", [1]), {"tags": [True, "1"]}),
    "an attribute of an extension": (
        {ENTERPRISE: {"department": "d", "division": "v"}},
        (ENTERPRISE, {"department": "d"}),
        {ENTERPRISE: {"division": "v"}},
    ),
    "values in an undeclared extension": (
        {EXT: {"tags": ["a", "b"], "x": 1}},
        (EXT, {"tags": ["a"]}),
        {EXT: {"tags": ["b"], "x": 1}},
    ),
    "a whole extension": ({EXT: {"tags": ["a"]}, "title": "t"}, (EXT,), {"title": "t"}),
    "a part of the name": (
        {"name": {"givenName": "a", "familyName": "b"}},
        ("name", {"GivenName": "a"}),
        {"name": {"familyName": "b"}},
    ),
    "the only value there is": ({"title": "x"}, ("title", "y"), {}),
    "the manager": ({ENTERPRISE: {"manager": {"value": "1"}}}, ("manager", [{"value": "1"}]), {}),
}


@pytest.mark.parametrize("name", NAMED_TO_GO)
def test_remove(name):
    """`remove` with a value takes out what the value names, in each form; without one, all."""
    given, place, wanted = NAMED_TO_GO[name]
    assert run(given, ("remove", *place)) == wanted


MANAGED = {ENTERPRISE: {"manager": {"value": "1", "$ref": "r"}, "department": "d"}}
MANAGER = f"{ENTERPRISE}:manager"
KEPT_MANAGER = {
    "replace by path": ("replace", "manager", {"displayName": "x"}),
    "add by path": ("add", "manager", {"displayName": "x"}),
    "by URN": ("replace", MANAGER, {"displayName": "x"}),
    "by URN in capitals": ("add", MANAGER.upper(), {"DISPLAYNAME": "x"}),
    "in a list": ("replace", MANAGER, [{"displayName": "x"}]),
    "without a path": ("replace", None, {"manager": {"displayName": "x"}}),
    "without a path, by URN": ("add", None, {MANAGER: {"displayName": "x"}}),
    "in the extension": ("replace", None, {ENTERPRISE: {"manager": {"displayName": "x"}}}),
    "on the extension": ("add", ENTERPRISE, {"manager": {"displayName": "x"}}),
    "null": ("replace", "manager", {"displayName": None}),
    "an empty object": ("replace", "manager", {}),
    "the same again": ("replace", "manager", {"value": "1", "displayName": "x"}),
    "dotted": ("add", None, {"manager.displayName": "x"}),
}


@pytest.mark.parametrize("name", KEPT_MANAGER)
def test_read_only_part(name):
    """What is readOnly in a complex value is ignored, and the other parts stay (RFC 7644 §3.5.2.3)."""
    assert run(MANAGED, KEPT_MANAGER[name]) == MANAGED


PARTS = [
    ({"$ref": "s"}, {"value": "1", "$ref": "s"}),
    ({"$ref": None}, {"value": "1"}),
    ({"value": "1", "$ref": "s"}, {"value": "1", "$ref": "s"}),
    ({"value": "2"}, {"value": "2"}),
    ({"VALUE": "2", "displayName": "x"}, {"value": "2"}),
    ([{"value": "2", "$ref": "s"}], {"value": "2", "$ref": "s"}),
    ("2", {"value": "2"}),
    ({"value": ""}, None),
    ({"value": None, "displayName": "x"}, None),
    (None, None),
    ("", None),
]


@pytest.mark.parametrize("op", ["add", "replace"])
@pytest.mark.parametrize(("value", "wanted"), PARTS)
def test_parts_of_a_reference(op, value, wanted):
    """A part that is named changes; another manager keeps nothing of the one before."""
    manager = {} if wanted is None else {"manager": wanted}
    assert run(MANAGED, (op, "manager", value)) == {ENTERPRISE: {**manager, "department": "d"}}


def test_a_read_only_part_alone_makes_nothing():
    """A manager of whom only the name is sent is none."""
    assert run({"title": "t"}, ("add", "manager", {"displayName": "x"})) == {"title": "t"}


NUMBERS = {"phoneNumbers": [{"type": "work", "value": "1"}, {"type": "home", "value": "2"}, {"value": "3"}]}
ALL_VALUES = {
    "value": ("replace", "value", "9", [("work", "9"), ("home", "9"), (None, "9")]),
    "VALUE": ("replace", "VALUE", "9", [("work", "9"), ("home", "9"), (None, "9")]),
    "as an object": ("replace", "value", {"value": "9"}, [("work", "9"), ("home", "9"), (None, "9")]),
    "in a list": ("replace", "value", ["9"], [("work", "9"), ("home", "9"), (None, "9")]),
    "type": ("replace", "type", "other", [("other", "1"), ("other", "2"), ("other", "3")]),
    "added": ("add", "value", "9", [("work", "1"), ("home", "2"), (None, "3"), (None, "9")]),
    "added again": ("add", "value", "3", [("work", "1"), ("home", "2"), (None, "3")]),
    "an added type": ("add", "type", "other", [("other", "1"), ("other", "2"), ("other", "3")]),
    "a type removed": ("replace", "type", None, [(None, "1"), (None, "2"), (None, "3")]),
}


@pytest.mark.parametrize("name", ALL_VALUES)
@pytest.mark.parametrize("path", ["phoneNumbers", "urn:ietf:params:scim:schemas:core:2.0:User:phoneNumbers"])
def test_part_of_all_values(name, path):
    """A sub-attribute without a filter is that of every value: none disappears (RFC 7644 §3.5.2.3)."""
    op, sub, value, wanted = ALL_VALUES[name]
    done = run(NUMBERS, (op, f"{path}.{sub}", value))["phoneNumbers"]
    assert [(each.get("type"), each["value"]) for each in done] == wanted


def tags(*values):
    """A document with these values of an attribute that nobody declared."""
    return {EXT: {"tags": list(values)}} if values else {}


M = {"value": "m", "type": "w"}
UNDECLARED_VALUES = {
    "every key sent is kept": (
        tags(M),
        ("replace", '[value eq "m"]', [{"value": "m", "primary": True}]),
        tags({"value": "m", "primary": True}),
    ),
    "… not in a list": (
        tags(M),
        ("replace", '[value eq "m"]', {"value": "n", "x": 1}),
        tags({"value": "n", "x": 1}),
    ),
    "… added": (tags(M), ("add", '[value eq "m"]', [{"value": "m", "x": 1}]), tags({**M, "x": 1})),
    "… without the null ones": (
        tags(M),
        ("replace", '[value eq "m"]', {"value": "m", "x": None}),
        tags({"value": "m"}),
    ),
    "keys keep their case": (
        tags({"Value": "m"}),
        ("add", '[value eq "m"]', {"VALUE": "m", "x": 1}),
        tags({"Value": "m", "x": 1}),
    ),
    "a text for an object is its value": (
        tags(M),
        ("replace", '[value eq "m"]', "n"),
        tags({**M, "value": "n"}),
    ),
    "a new one": (tags(M), ("add", '[type eq "h"]', {"value": "n"}), tags(M, {"type": "h", "value": "n"})),
    "a text for a text": (tags("m", "n"), ("replace", '[value eq "M"]', "k"), tags("k", "n")),
    "a text in a list": (tags("m", "n"), ("replace", '[value eq "m"]', ["k"]), tags("k", "n")),
    "a value for a text": (tags("m", "n"), ("replace", '[value eq "m"]', {"value": "k"}), tags("k", "n")),
    "an object with more for a text": (
        tags("m"),
        ("replace", '[value eq "m"]', {"value": "k", "x": 1}),
        tags({"value": "k", "x": 1}),
    ),
    "the value of a text": (tags("m", "n"), ("replace", '[value eq "m"].value', "k"), tags("k", "n")),
    "… by add": (tags("m", "n"), ("add", '[value eq "m"].value', "k"), tags("k", "n")),
    "the value of all texts": (tags("m", "n"), ("replace", ".value", "k"), tags("k", "k")),
    "one text more": (tags("m"), ("add", '[value eq "n"]', "n"), tags("m", "n")),
    "… by its value": (tags("m"), ("add", '[value eq "n"].value', "n"), tags("m", "n")),
    "… by the value of all": (tags("m"), ("add", ".value", "n"), tags("m", "n")),
    "a part that a text has not": (tags("m"), ("remove", '[value eq "m"].type'), tags("m")),
    "… of all texts": (tags("m", "n"), ("remove", ".type"), tags("m", "n")),
    "a text removed by its value": (tags("m", "n"), ("remove", '[value eq "m"].value'), tags("n")),
    "one object is no list": (
        {EXT: {"tags": M}},
        ("replace", '[type eq "w"].value', "k"),
        {EXT: {"tags": {**M, "value": "k"}}},
    ),
    "one text is no list": ({EXT: {"tags": "m"}}, ("replace", '[value eq "m"]', "k"), {EXT: {"tags": "k"}}),
    "numbers stay numbers": (tags(0, 1), ("remove", "[value eq 1]"), tags(0)),
}


@pytest.mark.parametrize("name", UNDECLARED_VALUES)
def test_undeclared_values(name):
    """A filter on undeclared values changes them in the shape they have."""
    given, (op, place, *value), wanted = UNDECLARED_VALUES[name]
    assert run(given, (op, f"{EXT}:tags{place}", *value)) == wanted
    core = {key: wanted[EXT]["tags"] for key in ("tags",) if wanted}
    assert run(given[EXT], (op, f"tags{place}", *value)) == core


LUCKY = "urn:mem:params:scim:schemas:extension:LuckyNumberExtension"
HELD = {"title": "t", LUCKY: {"n": 1, "list": ["a", "b"], "part": {"a": 1, "b": 2}}}


def lucky(**changes):
    """The document with these attributes of the extension changed; None is one that is gone."""
    parts = {name: item for name, item in (HELD[LUCKY] | changes).items() if item is not None}
    return {**HELD, LUCKY: parts}


ANY_URN = {
    "remove all": (("remove", LUCKY), {"title": "t"}),
    "… in capitals": (("remove", LUCKY.upper()), {"title": "t"}),
    "… by null": (("replace", LUCKY, None), {"title": "t"}),
    "remove what an object names": (("remove", LUCKY, {"n": 1, "list": ["a"]}), lucky(n=None, list=["b"])),
    "remove one": (("remove", f"{LUCKY}:n"), lucky(n=None)),
    "remove one in capitals": (("remove", f"{LUCKY}:n".upper()), lucky(n=None)),
    "remove a part": (("remove", f"{LUCKY}:part.a"), lucky(part={"b": 2})),
    "remove values": (("remove", f"{LUCKY}:list", ["a"]), lucky(list=["b"])),
    "remove parts": (("remove", f"{LUCKY}:part", {"a": 1}), lucky(part={"b": 2})),
    "replace one": (("replace", f"{LUCKY}:n", 2), lucky(n=2)),
    "replace one behind a dot": (("replace", f"{LUCKY}.n", 2), lucky(n=2)),
    "replace a part": (("replace", f"{LUCKY}:part.a", 2), lucky(part={"a": 2, "b": 2})),
    "replace by an object": (("replace", f"{LUCKY}:part", {"a": 2}), lucky(part={"a": 2, "b": 2})),
    "add an object to a list": (("add", f"{LUCKY}:list", {"x": 1}), lucky(list=["a", "b", {"x": 1}])),
    "a filter": (("replace", f'{LUCKY}:list[value eq "a"]', "c"), lucky(list=["c", "b"])),
    "the whole": (("replace", LUCKY, {"n": 2}), lucky(n=2)),
    "the whole, in capitals": (("add", LUCKY.upper(), {"N": 2}), lucky(n=2)),
    "without a path": (("replace", None, {LUCKY: {"n": 2}}), lucky(n=2)),
    "without a path, one": (("replace", None, {f"{LUCKY}:n": 2}), lucky(n=2)),
    "without a path, an object": (("add", None, {f"{LUCKY}:part": {"a": 2}}), lucky(part={"a": 2, "b": 2})),
    "another": (("add", f"{LUCKY}Two:n", 2), {**HELD, f"{LUCKY}Two": {"n": 2}}),
    "another whole": (("add", f"{LUCKY}Two", {"n": 2}), {**HELD, f"{LUCKY}Two": {"n": 2}}),
}


@pytest.mark.parametrize("name", ANY_URN)
def test_any_urn(name):
    """An extension that the document holds is found whatever its URN ends in."""
    operation, wanted = ANY_URN[name]
    assert run(HELD, operation) == wanted


@pytest.mark.parametrize("path", [f"{LUCKY}:part", f"{LUCKY}.part", f"{LUCKY}:part".upper()])
def test_urn_in_schemas(path):
    """An extension that `schemas` names is found too, in a PATCH and in a new person."""
    operations = [{"op": "add", "path": path, "value": {"a": 1}}]
    document = {}
    patch.apply(document, patch.parse(USERS, {"schemas": [LUCKY], "Operations": operations}))
    (urn,) = document
    ((name, part),) = document[LUCKY].items()
    assert (urn, name.lower(), part) == (LUCKY, "part", {"a": 1})
    built, _ = resource.build(USERS, {"schemas": [LUCKY], "userName": "u", path: {"a": 1}})
    assert built == {"userName": "u", **document}


P = {"primary": True}
ADDED = [
    ([W, H], [{**W, **P}], [{**W, **P}, H]),
    ([W, H], {**W, **P}, [{**W, **P}, H]),
    ([W, H], [{"value": "a@x", **P}], [{**W, **P}, H]),
    ([W, H], [{"value": "a@x", "primary": "True"}], [{**W, **P}, H]),
    ([{**W, **P}, H], [{**H, **P}], [{**W, "primary": False}, {**H, **P}]),
    ([{**W, **P}], [W], [{**W, **P}]),
    ([{**W, **P}], [{**W, "primary": False}], [{**W, "primary": False}]),
    ([W], ["a@x"], [W]),
    ([W], [{"value": "a@x", "type": "home", **P}], [W, {"value": "a@x", "type": "home", **P}]),
    ([W], [{"value": "b@x", **P}], [W, {"value": "b@x", **P}]),
    ([W], [W, {**W, **P}], [{**W, **P}]),
    ([], [{**W, **P}, W], [{**W, **P}]),
]


@pytest.mark.parametrize(("given", "value", "wanted"), ADDED)
def test_add_what_is_there(given, value, wanted):
    """A value that is there takes the `primary` it is added with, and is not listed twice."""
    assert run(held(*given), ("add", "emails", value)) == held(*wanted)
    assert run(held(*given), ("add", None, {"emails": value})) == held(*wanted)


WITHOUT_VALUE = [
    (("remove", 'emails[type eq "work"].value'), held({"type": "work"}, H)),
    (("remove", 'emails[value eq "A@X"].value', "z"), held({"type": "work"}, H)),
    (("remove", "emails[type eq 'work'].value"), held({"type": "work"}, H)),
    (("remove", "emails[type eq 'work']"), held(H)),
    (("remove", "emails.value"), held({"type": "work"}, {"type": "home"})),
    (("replace", 'emails[type eq "work"].value', None), held(H)),
    (("replace", 'emails[type eq "work"].value', ""), held(H)),
    (("replace", "emails[type eq 'work'].value", "n@x"), held({**W, "value": "n@x"}, H)),
    (("replace", "emails[type eq 'work' and value eq 'a@x'].value", "n@x"), held({**W, "value": "n@x"}, H)),
    (("add", "emails[type eq 'of mine'].value", "n@x"), held(W, H, {"type": "of mine", "value": "n@x"})),
    (("add", "emails", [{"type": "other", "value": None}]), held(W, H)),
    (("add", "emails", {"type": "other", "VALUE": "", "primary": True}), held(W, H)),
    (("replace", "emails", [{"type": "other", "value": None, "display": "x"}, H]), held(H)),
    (("replace", None, {"emails": [{"type": "other", "value": None}, W]}), held(W)),
    (("replace", 'emails[type eq "work"]', {"type": "work", "value": None}), held(H)),
]


@pytest.mark.parametrize(("operation", "wanted"), WITHOUT_VALUE)
def test_without_value(operation, wanted):
    """`remove` of a value takes only that; a value of null is none, whatever labels come with it."""
    assert run(held(W, H), operation) == wanted
