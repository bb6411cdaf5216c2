"""Attribute mapping and scope: Entra's default table, its expressions, and files that change it."""

import json

import pytest

from promapp_lite.rehearse import mapping, scope
from promapp_lite.rehearse.directory import GUEST, Person
from promapp_lite.rehearse.mapping import MappingError
from promapp_lite.rehearse.protocol.paths import ENTERPRISE

ZOE = Person(
    "id-1",
    {
        "userPrincipalName": "zoe@x.example",
        "givenName": "Zoë",
        "surname": "Young",
        "mail": "zoe@mail.example",
        "department": "IT",
        "employeeId": "7",
    },
)


def desired(person=ZOE, deleted=False, table=None):
    """What the mapping wants of a person."""
    return mapping.desired((table or mapping.Table()).users, person.values(deleted))


def test_the_default_table():
    """The portal's default mapping of a custom app, without what is null in the source."""
    assert desired() == {
        "userName": "zoe@x.example",
        "active": "True",
        'emails[type eq "work"].value': "zoe@mail.example",
        "name.givenName": "Zoë",
        "name.familyName": "Young",
        "name.formatted": "Zoë Young",
        f"{ENTERPRISE}:employeeNumber": "7",
        f"{ENTERPRISE}:department": "IT",
    }


def test_soft_deleted_is_inactive():
    """The Switch of the default table yields the text False."""
    assert desired(deleted=True)["active"] == "False"


def test_a_guests_name_loses_its_mark():
    """#EXT# is stripped from userPrincipalName; originalUserPrincipalName keeps it."""
    guest = Person("g", {"userPrincipalName": f"z_partner.example{GUEST}@x.example"})
    assert desired(guest)["userName"] == "z_partner.example@x.example"
    assert GUEST in guest.values(False)["originalUserPrincipalName"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("surname", "Young"),
        ("[surname]", "Young"),
        ('"constant"', "constant"),
        ('Join(" ", [givenName], [surname])', "Zoë Young"),
        ('Join(" ", [givenName], [missing])', "Zoë"),
        ('Join("-", [missing], [absent])', None),
        ('Join("", Append([givenName], "!"), ToUpper([surname]))', "Zoë!YOUNG"),
        ('Switch([department], "other", "IT", "yes", "HR", "no")', "yes"),
        ('Switch([surname], "other", "IT", "yes")', "other"),
        ('Switch([surname], , "IT", "yes")', None),
        ("Coalesce([missing], ToLower([surname]))", "young"),
        ("ToLower([missing])", None),
    ],
)
def test_expressions(text, value):
    """Attributes, constants and the functions, nested; an argument left empty is null."""
    assert mapping.compile_expression(text)(ZOE.values(False)) == value


@pytest.mark.parametrize(
    "text",
    ["", "Join(", 'Join("a"', "Nope([x])", "[x] [y]", "Join([x] [y])", ")", "a b", 'Switch("a))'],
)
def test_expressions_that_cannot_be_read(text):
    """A mistake is named when the mapping is read."""
    with pytest.raises(MappingError):
        mapping.compile_expression(text)


def write(folder, name, text):
    """A file with the text."""
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def test_a_mapping_file(tmp_path):
    """TOML changes the rows of people; what it leaves out stays as by default."""
    file = write(
        tmp_path,
        "m.toml",
        """
filters.users = ["department EQUALS IT"]
[[users]]
source = "objectId"
target = "externalId"
matching = 1
[[users]]
source = "userPrincipalName"
target = "userName"
matching = 2
[[users]]
source = "jobTitle"
target = "title"
default = "none"
[[users]]
source = "city"
target = "nickName"
apply = "create"
""",
    )
    table = mapping.load(file)
    assert [rule.target for rule in mapping.matchers(table.users)] == ["externalId", "userName"]
    assert table.groups == mapping.Table().groups or len(table.groups) == 3
    assert desired(table=table) == {
        "externalId": "id-1",
        "userName": "zoe@x.example",
        "title": "none",
    }
    assert scope.passes(table.user_filters, ZOE.values(False))
    assert mapping.reference(table.users) is None


def test_only_at_creation():
    """A row with apply = create is sent once."""
    rules = (
        mapping.rule("userPrincipalName", "userName", 1),
        mapping.rule("department", "nickName", apply="create"),
    )
    assert "nickName" in mapping.desired(rules, ZOE.values(False), creating=True)
    assert "nickName" not in mapping.desired(rules, ZOE.values(False))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.yaml", "", "ends in .toml or .json"),
        ("m.json", "{", "Expecting"),
        ("m.json", "[]", "m.json"),
        ("m.json", json.dumps({"people": []}), "unknown key people"),
        (
            "m.json",
            json.dumps({"users": [{"source": "mail", "target": "userName"}]}),
            "no row has a matching precedence",
        ),
        (
            "m.json",
            json.dumps({"users": [{"source": "mail", "target": "a b", "matching": 1}]}),
            "not an attribute path",
        ),
        ("m.json", json.dumps({"users": [{"source": "mail"}]}), "target"),
        (
            "m.json",
            json.dumps({"users": [{"source": "mail", "target": "x", "apply": "never"}]}),
            "never",
        ),
        ("m.json", json.dumps({"filters": {"users": ["x IS"]}}), "not a scoping clause"),
    ],
)
def test_bad_mapping_files(tmp_path, name, text, says):
    """The message names the file and what is wrong in it."""
    with pytest.raises(MappingError, match=says) as caught:
        mapping.load(write(tmp_path, name, text))
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("department EQUALS IT", True),
        ("department EQUALS it", False),
        ("department not equals Sales", True),
        ("mail IS NOT NULL", True),
        ("city IS NULL AND department EQUALS IT", True),
        ("city IS NULL AND department EQUALS HR", False),
        ("userPrincipalName REGEX MATCH .*@x\\.example", True),
        ("userPrincipalName NOT REGEX MATCH .*@x\\.example", False),
        ("employeeId GREATER_THAN 6", True),
        ("employeeId GREATER_THAN_OR_EQUALS 8", False),
        ("surname GREATER_THAN 1", False),
        ("surname INCLUDES oun", True),
        ("accountEnabled IS TRUE", True),
        ("accountEnabled IS FALSE", False),
        ("givenName EQUALS Zoë", True),
    ],
)
def test_scoping_clauses(text, holds):
    """Every operator, AND within one filter; texts compare exactly."""
    assert scope.passes([scope.parse(text)], ZOE.values(False)) is holds


def test_filters_are_alternatives():
    """One filter of several is enough; without any everybody is in scope."""
    filters = [scope.parse("department EQUALS HR"), scope.parse("surname EQUALS Young")]
    assert scope.passes(filters, ZOE.values(False))
    assert not scope.passes(filters[:1], ZOE.values(False))
    assert scope.passes([], ZOE.values(False))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "department",
        "department IS",
        "department EQUALS",
        "mail IS NULL x",
        "x REGEX MATCH [",
        "a b c",
    ],
)
def test_bad_clauses(text):
    """A clause that cannot be read is refused with the operators there are."""
    with pytest.raises(ValueError, match="clause|value|expression"):
        scope.parse(text)
