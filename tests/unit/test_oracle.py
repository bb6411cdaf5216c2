"""PATCH against scim2-models: the same documents come of the same operations, but for what is listed here."""

import pytest
from helpers.oracle import AS_ENTRA, STRICT, Drawn, doubles, ours, theirs

from promapp_lite.scim.schema import ENTERPRISE

SEEDS = range(900)
REFUSED = "refused"
WORK = {"type": "work", "value": "w@x.ch"}
HOME = {"type": "home", "value": "h@x.ch"}


def differing(seed):
    """What of a drawn sequence both disagree about, made as short as it gets; None where they agree."""
    drawn = Drawn(seed)
    document, operations = drawn.document(), drawn.operations()
    if agree(document, operations):
        return None
    number = 0
    while number < len(operations):
        fewer = operations[:number] + operations[number + 1 :]
        if fewer and not agree(document, fewer):
            operations = fewer
        else:
            number += 1
    return seed, document, operations, ours(document, operations), theirs(document, operations)


def agree(document, operations):
    """Whether both make the same of it, but for values that an add lists twice there and once here."""
    here, there = ours(document, operations), theirs(document, operations)
    return here == there or doubles(there) > doubles(here)


def test_agreement():
    """900 drawn sequences: the same document, or a refusal with the same scimType, from both."""
    assert [found for found in map(differing, SEEDS) if found] == []


def test_the_drawn_sequences_are_worth_it():
    """Most are carried out and change the document; each scimType they may be refused with occurs."""
    drawn = [(each.document(), each.operations()) for each in map(Drawn, SEEDS)]
    results = [(document, ours(document, operations)) for document, operations in drawn]
    done = [before != after for before, after in results if isinstance(after, dict)]
    refused = {after[1] for _, after in results if isinstance(after, tuple)}
    assert sum(done) > 700
    assert refused == {"mutability", "invalidValue", "noTarget"}
    assert sum(len(operations) for _, operations in drawn) > 3000


# Reason: (document, operation, what comes of it here, what of it there); documents without userName.
DIFFERENCES = {
    "Entra sets emails[type eq …].value on people without one: it is made": (
        {},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "w@x.ch"},
        {"emails": [WORK]},
        (REFUSED, "noTarget"),
    ),
    "… and so does add": (
        {},
        {"op": "add", "path": 'emails[type eq "work"]', "value": {"value": "w@x.ch"}},
        {"emails": [WORK]},
        (REFUSED, "noTarget"),
    ),
    "remove with a value array removes only those": (
        {"emails": [WORK, HOME]},
        {"op": "remove", "path": "emails", "value": [{"value": "w@x.ch"}]},
        {"emails": [HOME]},
        (REFUSED, "invalidValue"),
    ),
    "remove with a filter and a value beside it: the filter counts": (
        {"emails": [WORK, HOME]},
        {"op": "remove", "path": 'emails[type eq "work"]', "value": "w@x.ch"},
        {"emails": [HOME]},
        (REFUSED, "invalidValue"),
    ),
    'replace with "" removes': (
        {"title": "x"},
        {"op": "replace", "path": "title", "value": ""},
        {},
        {"title": ""},
    ),
    "add with null removes; the RFC has no meaning for it": (
        {"title": "x"},
        {"op": "add", "path": "title", "value": None},
        {},
        {},
    ),
    "what is there is not added again for its primary": (
        {"emails": [WORK]},
        {"op": "add", "path": "emails", "value": [{**WORK, "primary": True}]},
        {"emails": [{**WORK, "primary": True}]},
        {"emails": [WORK, {**WORK, "primary": True}]},
    ),
    "what is nothing but a type is no address, where null clears": (
        {"emails": [WORK, HOME]},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": None},
        {"emails": [HOME]},
        {"emails": [{"type": "work"}, HOME]},
    ),
    "a manager may be a bare text": (
        {},
        {"op": "add", "path": f"{ENTERPRISE}:manager", "value": "7"},
        {ENTERPRISE: {"manager": {"value": "7"}}},
        (REFUSED, "invalidValue"),
    ),
    "a manager may be a list of one": (
        {},
        {"op": "add", "path": f"{ENTERPRISE}:manager", "value": [{"value": "7"}]},
        {ENTERPRISE: {"manager": {"value": "7"}}},
        (REFUSED, "invalidValue"),
    ),
    "a manager may be named without the URN": (
        {},
        {"op": "add", "path": "manager", "value": {"value": "7"}},
        {ENTERPRISE: {"manager": {"value": "7"}}},
        (REFUSED, "invalidPath"),
    ),
    "another manager does not keep the address of the one before": (
        {ENTERPRISE: {"manager": {"value": "1", "$ref": "https://x.ch/Users/1"}}},
        {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": "2"}},
        {ENTERPRISE: {"manager": {"value": "2"}}},
        {ENTERPRISE: {"manager": {"value": "2", "$ref": "https://x.ch/Users/1"}}},
    ),
    "readOnly parts of a value are ignored, as in POST (RFC 7644 §3.3)": (
        {},
        {"op": "add", "path": f"{ENTERPRISE}:manager", "value": {"value": "1", "displayName": "Ada"}},
        {ENTERPRISE: {"manager": {"value": "1"}}},
        (REFUSED, "mutability"),
    ),
    "id inside a path-less value is ignored": (
        {},
        {"op": "replace", "value": {"id": "1", "title": "x"}},
        {"title": "x"},
        (REFUSED, "mutability"),
    ),
    "replace on a filter replaces the values it chooses (§3.5.2.3), so what is not named goes": (
        {"emails": [{**WORK, "display": "d"}]},
        {"op": "replace", "path": 'emails[type eq "work"]', "value": {"value": "n@x.ch"}},
        {"emails": [{"type": "work", "value": "n@x.ch"}]},
        {"emails": [{"type": "work", "value": "n@x.ch", "display": "d"}]},
    ),
    "primary through a filter that chooses several: the last is it": (
        {"emails": [WORK, {**WORK, "value": "v@x.ch"}]},
        {"op": "replace", "path": 'emails[type eq "work"].primary', "value": True},
        {"emails": [{**WORK, "primary": False}, {**WORK, "value": "v@x.ch", "primary": True}]},
        (REFUSED, "invalidValue"),
    ),
    "the same value twice in one add is added once": (
        {},
        {"op": "add", "path": "emails", "value": [WORK, WORK]},
        {"emails": [WORK]},
        {"emails": [WORK, WORK]},
    ),
    "a list where one value belongs may have one": (
        {},
        {"op": "add", "path": "title", "value": ["x"]},
        {"title": "x"},
        (REFUSED, "invalidValue"),
    ),
    "one value where a list belongs is a list of one": (
        {},
        {"op": "add", "path": "emails", "value": WORK},
        {"emails": [WORK]},
        {"emails": [WORK]},
    ),
    "no address is too odd to be kept (`a@corp`, issue 2)": (
        {},
        {"op": "add", "path": "emails", "value": [{"value": "a@corp"}]},
        {"emails": [{"value": "a@corp"}]},
        (REFUSED, "invalidValue"),
    ),
    "what no schema names is kept": (
        {},
        {"op": "add", "path": "nobody", "value": "x"},
        {"nobody": "x"},
        (REFUSED, "invalidPath"),
    ),
    "a filter that cannot be read is invalidFilter also inside a path (table 9)": (
        {"emails": [WORK]},
        {"op": "remove", "path": 'emails[type gt 3 "]'},
        (REFUSED, "invalidFilter"),
        (REFUSED, "invalidPath"),
    ),
}
SAME_UNDER_ENTRA_POLICY = (
    "Entra sets emails[type eq …].value on people without one: it is made",
    "remove with a value array removes only those",
)
ALIKE = ("add with null", "one value where a list")


@pytest.mark.parametrize("reason", DIFFERENCES)
def test_difference(reason):
    """Each deliberate difference is as the table says, on both sides."""
    document, operation, here, there = DIFFERENCES[reason]
    named = {"userName": "ada", **document}
    assert ours(named, [operation]) == with_name(here)
    assert theirs(named, [operation], STRICT) == with_name(there)
    assert (here == there) is reason.startswith(ALIKE)


@pytest.mark.parametrize("reason", SAME_UNDER_ENTRA_POLICY)
def test_entra_policy(reason):
    """scim2-models has a policy for Entra's forms, under which it does the same."""
    document, operation, here, _ = DIFFERENCES[reason]
    assert theirs({"userName": "ada", **document}, [operation], AS_ENTRA) == with_name(here)


def with_name(wanted):
    """The document with its userName; a refusal as it is."""
    return {"userName": "ada", **wanted} if isinstance(wanted, dict) else wanted
