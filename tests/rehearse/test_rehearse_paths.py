"""Paths as Entra writes them: what they mean in a resource, and in a new body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promapp_lite.rehearse.protocol import paths
from promapp_lite.rehearse.protocol.paths import ENTERPRISE, USER, Path

PERSON = {
    "userName": "a@b.example",
    "name": {"givenName": "Zoë", "FAMILYNAME": "Ōkawa"},
    "emails": [
        {"type": "home", "value": "h@x"},
        {"type": "Work", "value": "w@x"},
        {"type": "work", "value": "work@x"},
    ],
    "roles": [{"primary": True, "value": "Admin"}],
    ENTERPRISE: {"department": "R&D", "manager": {"value": "m-1", "$ref": "../Users/m-1"}},
}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("userName", (None, "userName", None, None, None)),
        ("name.givenName", (None, "name", None, None, "givenName")),
        ('emails[type eq "work"].value', (None, "emails", "type", "work", "value")),
        ("contacts[primary eq true].value", (None, "contacts", "primary", "true", "value")),
        (f"{ENTERPRISE}:department", (ENTERPRISE, "department", None, None, None)),
        (f"{USER}:userName", (None, "userName", None, None, None)),
        (f"{ENTERPRISE}:manager.value", (ENTERPRISE, "manager", None, None, "value")),
        ("manager.$ref", (None, "manager", None, None, "$ref")),
    ],
)
def test_it_takes_a_path_apart(text, parts):
    """The version 2.0 inside a URN is no sub-attribute."""
    assert paths.parse(text) == Path(*parts)


@pytest.mark.parametrize("text", ["", "a b", "emails[type]", "a.b.c", ENTERPRISE + ":", "[x]"])
def test_what_is_no_path_is_refused(text):
    """A mapping with a typing error fails at once, not in the middle of a cycle."""
    with pytest.raises(ValueError, match="not an attribute path"):
        paths.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("userName", "a@b.example"),
        ("USERNAME", "a@b.example"),
        ("name.givenName", "Zoë"),
        ("name.familyName", "Ōkawa"),
        ('emails[type eq "work"].value', "work@x"),
        ('emails[type eq "other"].value', None),
        ('roles[primary eq "True"].value', "Admin"),
        ("emails.value", "h@x"),
        (f"{ENTERPRISE}:department", "R&D"),
        (f"{ENTERPRISE}:manager", "m-1"),
        (f"{ENTERPRISE}:employeeNumber", None),
        ("urn:example:2.0:User:tag", None),
        ("name", None),
    ],
)
def test_it_reads_a_resource(text, value):
    """Attribute names have no letter case; a reference gives its value; absent is None."""
    assert paths.read(PERSON, text) == value


@pytest.mark.parametrize("resource", [None, [], "text", 7, {"emails": "x"}, {"emails": [None, 3]}])
def test_reading_nonsense_gives_nothing(resource):
    """A target's answer may be anything."""
    assert paths.read(resource, 'emails[type eq "work"].value') is None


def test_it_builds_a_body():
    """Several sub-attributes with one filter land in one element."""
    body = {}
    for path, value in {
        'addresses[type eq "work"].locality': "Łódź",
        'addresses[type eq "work"].country': "PL",
        'addresses[type eq "home"].country': "NZ",
        "name.givenName": "Zoë",
        f"{ENTERPRISE}:department": "IT",
        'roles[primary eq "True"].value': "Admin",
    }.items():
        paths.put(body, path, value)
    assert body == {
        "addresses": [
            {"type": "work", "locality": "Łódź", "country": "PL"},
            {"type": "home", "country": "NZ"},
        ],
        "name": {"givenName": "Zoë"},
        ENTERPRISE: {"department": "IT"},
        "roles": [{"primary": True, "value": "Admin"}],
    }


@given(
    st.text(min_size=1).filter(lambda text: '"' not in text),
    st.sampled_from(
        [
            "userName",
            "name.givenName",
            'emails[type eq "work"].value',
            'addresses[type eq "work"].country',
            f"{ENTERPRISE}:department",
        ]
    ),
)
def test_what_is_put_is_read(value, path):
    """Whatever the value, reading gives what was put."""
    body = {}
    paths.put(body, path, value)
    assert paths.read(body, path) == value


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (True, "True", True),
        (False, "false", True),
        (True, "False", False),
        ("a", "A", False),
        ("1", "1", True),
    ],
)
def test_booleans_equal_their_texts(one, other, equal):
    """Mappings make texts; a target may answer either."""
    assert paths.same(one, other) is equal
