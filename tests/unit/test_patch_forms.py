"""PATCH: what is named changes, and nothing else does, in whatever form it is named."""

import copy

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim import patch
from promapp_lite.scim.resource_types import USERS
from promapp_lite.scim.schema import ENTERPRISE

X = "urn:example:params:scim:schemas:extension:x:2.0:User"
LUCKY = "urn:mem:params:scim:schemas:extension:LuckyNumberExtension"
WORK, HOME = {"value": "a@x", "type": "work"}, {"value": "B@x", "type": "home"}
NUMBERS = [{"value": str(number), "type": type} for number, type in enumerate(("work", "home", "mobile"))]
BOTH = {"emails": [WORK, HOME]}
PLAIN, RICH = {X: {"tags": ["m", "n"]}}, {X: {"tags": [{"value": "m", "k": 1}, {"value": "n"}]}}
MANAGED = {ENTERPRISE: {"manager": {"value": "7"}, "department": "d"}}
SEVEN = {LUCKY: {"luckyNumber": 7, "more": 1}}


def run(document, op, path=None, *value):
    """The document after one operation."""
    sent = {"op": op} | ({} if path is None else {"path": path}) | ({"value": value[0]} if value else {})
    changed = copy.deepcopy(document)
    patch.apply(changed, patch.parse(USERS, {"Operations": [sent]}))
    return changed


# remove with a value: the document, the path, the value sent, what is left
REMOVED = (
    [
        (BOTH, "emails", value, {"emails": [HOME]})
        for value in (
            WORK,
            "a@x",
            "A@X",
            ["a@x"],
            [WORK],
            {"value": "A@X"},
            {"VALUE": "a@x"},
            {"type": "WORK"},
            [{"value": "a@x", "primary": False}],
            {"value": "a@x", "primary": "False"},
        )
    ]
    + [
        (BOTH, "emails", value, BOTH)
        for value in (
            "z@x",
            {"value": "z@x"},
            [],
            ["z@x"],
            {"value": "a@x", "type": "home"},
            [{"value": "a@x", "display": "A"}],
        )
    ]
    + [(BOTH, "emails", value, {}) for value in (None, "", ["a@x", "b@x"], [WORK, HOME])]
    + [
        (PLAIN, f"{X}:tags", value, {X: {"tags": ["n"]}})
        for value in ("m", "M", ["m"], {"value": "m"}, [{"value": "M"}])
    ]
    + [
        (RICH, f"{X}:tags", value, {X: {"tags": [{"value": "n"}]}})
        for value in ("m", ["M"], {"value": "m"}, [{"value": "m"}], {"k": 1}, {"K": 1, "value": "M"})
    ]
    + [(RICH, f"{X}:tags", value, RICH) for value in ("z", {"k": 2}, {"value": "n", "k": 1})]
    + [
        ({"title": "x", **BOTH}, "title", "x", BOTH),
        (
            {"x509Certificates": [{"value": "QUJD"}]},
            "x509Certificates",
            {"value": "qujd"},
            {"x509Certificates": [{"value": "QUJD"}]},
        ),
    ]
)


@pytest.mark.parametrize(("document", "path", "value", "left"), REMOVED)
def test_remove_with_a_value(document, path, value, left):
    """One object, a text or a list: the values named go, compared as a filter compares."""
    assert run(document, "remove", path, value) == left


ONLY_READ_ONLY = [
    (f"{ENTERPRISE}:manager", {"displayName": "X"}),
    ("manager", {"DISPLAYNAME": "X"}),
    (ENTERPRISE, {"manager": {"displayName": "X"}}),
    (None, {f"{ENTERPRISE}:manager": {"displayName": "X"}}),
    (None, {ENTERPRISE: {"manager": {"displayName": "X"}}}),
    (None, {"manager": {"displayName": "X"}}),
    (None, {ENTERPRISE.upper(): {"Manager": {"displayName": "X"}}}),
]


@pytest.mark.parametrize("op", ["add", "replace"])
@pytest.mark.parametrize(("path", "value"), ONLY_READ_ONLY)
def test_what_is_read_only_is_ignored(op, path, value):
    """RFC 7644 §3.5.2.3: the other sub-attributes stay."""
    assert run(MANAGED, op, path, value) == MANAGED


@pytest.mark.parametrize("value", [None, "", {"value": ""}, {"value": None, "displayName": "X"}])
def test_a_manager_is_removed(value):
    """What Entra sends for nobody still means that."""
    assert run(MANAGED, "replace", f"{ENTERPRISE}:manager", value) == {ENTERPRISE: {"department": "d"}}


NINE = [{"value": "9", "type": each["type"]} for each in NUMBERS]
PARTS = [  # op, path, value, the numbers after it
    ("replace", "phoneNumbers.value", "9", NINE),
    ("replace", "PHONENUMBERS.VALUE", ["9"], NINE),
    ("replace", "phoneNumbers.type", "work", [{**each, "type": "work"} for each in NUMBERS]),
    ("add", "phoneNumbers.value", "9", [*NUMBERS, {"value": "9"}]),
    ("replace", "phoneNumbers.primary", True, [
        {**NUMBERS[0], "primary": False}, {**NUMBERS[1], "primary": False}, {**NUMBERS[2], "primary": True}]),
    ("remove", "phoneNumbers.type", None, [{"value": each["value"]} for each in NUMBERS]),
    ("remove", 'phoneNumbers[type eq "home"].value', None, [NUMBERS[0], {"type": "home"}, NUMBERS[2]]),
    ("remove", 'phoneNumbers[type eq "home"].type', None, [NUMBERS[0], {"value": "1"}, NUMBERS[2]]),
    ("remove", "phoneNumbers[type eq 'home']", None, [NUMBERS[0], NUMBERS[2]]),
    ("replace", "phoneNumbers[type eq 'home'].value", "9", [NUMBERS[0], NINE[1], NUMBERS[2]]),
    ("replace", "phoneNumbers[type eq 'pager'].value", "9", [*NUMBERS, {"value": "9", "type": "pager"}]),
    ("replace", 'phoneNumbers[type eq "home"].value', "", [NUMBERS[0], NUMBERS[2]]),
    ("add", "phoneNumbers", [{"type": "fax", "value": None}], NUMBERS),
    ("add", "phoneNumbers", [{"type": "fax", "value": "", "primary": True}], NUMBERS),
    ("add", "phoneNumbers", [{**NUMBERS[1], "primary": True}],
     [NUMBERS[0], {**NUMBERS[1], "primary": True}, NUMBERS[2]]),
    ("add", "phoneNumbers", {"value": "1", "primary": True},
     [NUMBERS[0], {**NUMBERS[1], "primary": True}, NUMBERS[2]]),
    ("add", "phoneNumbers", [{"value": "1", "type": "WORK", "primary": True}],
     [*NUMBERS, {"value": "1", "type": "WORK", "primary": True}]),
    ("add", "phoneNumbers", [{"value": "1", "type": "HOME"}], NUMBERS),
]  # fmt: skip


@pytest.mark.parametrize(("op", "path", "value", "numbers"), PARTS)
def test_parts_of_values(op, path, value, numbers):
    """No value disappears that was not named, none is listed twice, none says nothing."""
    assert run({"phoneNumbers": NUMBERS}, op, path, value)["phoneNumbers"] == numbers


FILTERED = [  # the document, op, path behind the URN, value, what the extension holds then
    (
        RICH,
        "replace",
        'tags[value eq "m"]',
        [{"value": "m", "primary": True}],
        [{"value": "m", "primary": True}, {"value": "n"}],
    ),
    (
        RICH,
        "add",
        'tags[value eq "M"]',
        {"primary": True},
        [{"value": "m", "k": 1, "primary": True}, {"value": "n"}],
    ),
    (RICH, "replace", 'tags[value eq "m"].k', 2, [{"value": "m", "k": 2}, {"value": "n"}]),
    (
        RICH,
        "replace",
        'tags[value eq "m"].more',
        {"a": [1]},
        [{"value": "m", "k": 1, "more": {"a": [1]}}, {"value": "n"}],
    ),
    (RICH, "remove", "tags[k eq 1]", None, [{"value": "n"}]),
    (PLAIN, "replace", 'tags[value eq "m"]', "z", ["z", "n"]),
    (PLAIN, "replace", 'tags[value eq "m"]', ["z"], ["z", "n"]),
    (PLAIN, "replace", 'tags[value eq "m"]', {"value": "z"}, ["z", "n"]),
    (PLAIN, "replace", 'tags[value eq "m"].value', "z", ["z", "n"]),
    (PLAIN, "add", 'tags[value eq "m"]', "z", ["z", "n"]),
    (PLAIN, "add", 'tags[value eq "q"]', "q", ["m", "n", "q"]),
    (PLAIN, "remove", 'tags[value eq "M"]', None, ["n"]),
    (PLAIN, "replace", 'tags[value eq "m"]', {"value": "m", "k": 1}, [{"value": "m", "k": 1}, "n"]),
]


@pytest.mark.parametrize(("document", "op", "path", "value", "tags"), FILTERED)
def test_filters_in_an_undeclared_extension(document, op, path, value, tags):
    """Every key that was sent is kept, and a plain text stays one."""
    assert run(document, op, f"{X}:{path}", value) == {X: {"tags": tags}}


KNOWN_BY_THE_DOCUMENT = [  # op, path, value, what is left
    ("remove", LUCKY, None, {}),
    ("remove", LUCKY.upper(), None, {}),
    ("remove", f"{LUCKY}:luckyNumber", None, {LUCKY: {"more": 1}}),
    ("remove", f"{LUCKY}.luckyNumber", None, {LUCKY: {"more": 1}}),
    ("replace", f"{LUCKY}.luckyNumber", 9, {LUCKY: {"luckyNumber": 9, "more": 1}}),
    ("replace", f"{LUCKY.lower()}:LUCKYNUMBER", 9, {LUCKY: {"luckyNumber": 9, "more": 1}}),
    ("add", f"{LUCKY}:new", 9, {LUCKY: {"luckyNumber": 7, "more": 1, "new": 9}}),
    ("add", f"{LUCKY}.new", 9, {LUCKY: {"luckyNumber": 7, "more": 1, "new": 9}}),
    ("replace", LUCKY, {"luckyNumber": 9}, {LUCKY: {"luckyNumber": 9, "more": 1}}),
    ("replace", LUCKY, "", {}),
    ("replace", None, {LUCKY: {"luckyNumber": 9}}, {LUCKY: {"luckyNumber": 9, "more": 1}}),
    ("replace", None, {f"{LUCKY}:luckyNumber": 9}, {LUCKY: {"luckyNumber": 9, "more": 1}}),
    ("replace", None, {f"{LUCKY}.luckyNumber": 9}, {LUCKY: {"luckyNumber": 9, "more": 1}}),
]


@pytest.mark.parametrize(("op", "path", "value", "left"), KNOWN_BY_THE_DOCUMENT)
def test_an_extension_that_the_document_holds_is_known(op, path, value, left):
    """Whatever its URN ends in."""
    assert run(SEVEN, op, path, value) == left


def test_an_extension_is_no_plain_value():
    """It is refused, and stays."""
    document = copy.deepcopy(SEVEN)
    with pytest.raises(ScimError) as refused:
        patch.apply(document, patch.parse(USERS, {"Operations": [{"op": "add", "path": LUCKY, "value": 9}]}))
    assert refused.value.scim_type == "invalidValue" and document == SEVEN


@pytest.mark.parametrize("body", [{"Operations": []}, {"schemas": [], "operations": []}])
def test_no_operation_changes_nothing(body):
    """Microsoft's validator sends it."""
    assert patch.parse(USERS, body) == []
