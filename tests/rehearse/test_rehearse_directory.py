"""The source: made up from a seed, read from files, and what happens in it."""

import json
import unicodedata

import pytest

from promapp_lite.rehearse import files, population
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, GUEST, Directory, Group, Person
from promapp_lite.rehearse.files import SourceError
from promapp_lite.rehearse.workforce import EVENTS, Workforce


def picture(directory):
    """Everything in a directory, for comparison."""
    return (
        [
            (one.id, one.attributes, one.manager, one.enabled, one.deleted, one.role)
            for one in directory.people.values()
        ],
        [(one.id, one.attributes, list(one.members)) for one in directory.groups.values()],
    )


def test_the_same_seed_the_same_directory():
    """A rehearsal can be repeated exactly; another seed is another company."""
    one, two, other = (picture(population.generate(80, 10, seed)) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_it_is_mixed():
    """Many scripts, managers, departments, disabled people, guests, missing mails, no access."""
    directory = population.generate(500, 40, 1)
    people = list(directory.people.values())
    letters = {
        unicodedata.name(char).split()[0]
        for one in people
        for char in one.attributes["displayName"]
        if char.isalpha()
    }
    assert {
        "LATIN",
        "GREEK",
        "CYRILLIC",
        "ARABIC",
        "HEBREW",
        "DEVANAGARI",
        "THAI",
        "CJK",
        "HANGUL",
        "ARMENIAN",
        "GEORGIAN",
        "ETHIOPIC",
    } <= letters
    assert any(ord(char) > 0xFFFF for one in people for char in one.attributes["displayName"])
    for trait in (
        lambda one: one.manager,
        lambda one: not one.enabled,
        lambda one: GUEST in one.name,
        lambda one: "mail" not in one.attributes,
        lambda one: one.role == DEFAULT_ACCESS,
        lambda one: one.role is None,
    ):
        assert 10 < sum(bool(trait(one)) for one in people) < 490
    assert len({one.name.lower() for one in people}) == 500
    assert all(one.name.isascii() for one in people)
    assert any(not group.members for group in directory.groups.values())
    assert len({group.name.lower() for group in directory.groups.values()}) == 40


def test_access_comes_by_person_or_group():
    """Default Access entitles nobody; members of an assigned group are entitled."""
    directory = Directory()
    for key, role in (("a", "User"), ("b", DEFAULT_ACCESS), ("c", None), ("d", None)):
        directory.add(Person(key, {"userPrincipalName": key}, role=role))
    directory.add(Group("g", {"displayName": "G"}, {"c": None}))
    directory.add(Group("h", {"displayName": "H"}, {"d": None}, DEFAULT_ACCESS))
    assert directory.entitled() == {"a", "c", "g"}


def test_purging_leaves_no_reference():
    """Who is gone is in no group and nobody's manager, and what that changed is marked so."""
    directory = population.generate(60, 5, 3)
    boss = next(one.manager for one in directory.people.values() if one.manager)
    before = directory.tick
    directory.purge(directory.people[boss])
    assert all(one.manager != boss for one in directory.people.values())
    assert all(boss not in group.members for group in directory.groups.values())
    assert directory.purged[boss] > before
    assert any(one.modified > before for one in directory.people.values())


def test_every_event_happens():
    """In three stretches of time everything a company knows happens at least once."""
    directory = population.generate(300, 30, 1)
    workforce = Workforce(directory, 1)
    sums = dict.fromkeys((name for name, _, _ in EVENTS), 0)
    for _ in range(3):
        for name, times in workforce.advance().items():
            sums[name] += times
    assert all(sums.values()), sums


def test_events_are_repeatable():
    """The same seed, the same history."""
    one, two = population.generate(60, 10, 5), population.generate(60, 10, 5)
    for directory in (one, two):
        workforce = Workforce(directory, 5)
        workforce.advance()
        workforce.advance()
    assert picture(one) == picture(two)


@pytest.mark.parametrize(("people", "groups"), [(1, 0), (1, 1), (2, 1), (3, 2)])
def test_tiny_companies_go_on(people, groups):
    """Events that find nobody simply do not happen."""
    directory = population.generate(people, groups, 1)
    workforce = Workforce(directory, 1)
    for _ in range(5):
        workforce.advance()
    assert directory.people


PORTAL = (
    ",".join(files.COLUMNS)
    + "\n"
    + "\n".join(
        [
            "zoe@x.example,Zoë Young,Young,zoe@mail.example,Zoë,1111,Member,Engineer,R&D,True,NZ,"
            '"12 Customs Street, Level 4",AKL,NZ,4/12,Auckland,1010,+64 9 1,021 1,,,,,,,Acme,,,,,',
            f"g_partner.example{GUEST}@x.example,Guest,,,,2222,Guest,,,FALSE,,,,,,,,,,,,,,,,,,,,,",
        ]
    )
    + "\n"
)


def test_the_portals_csv(tmp_path):
    """The columns of Download users become attributes; empty cells are null."""
    file = tmp_path / "users.csv"
    file.write_text("\ufeff" + PORTAL, "utf-8")
    zoe, guest = files.load(file).people.values()
    assert (zoe.id, zoe.name, zoe.enabled) == ("1111", "zoe@x.example", True)
    assert zoe.attributes["streetAddress"] == "12 Customs Street, Level 4"
    assert zoe.attributes["mailNickname"] == "zoe"
    assert not guest.enabled
    assert "mail" not in guest.attributes


def test_other_spellings(tmp_path):
    """Headings of other downloads, in any case, with blanks; managers by name; no object id."""
    file = tmp_path / "users.csv"
    file.write_text(
        "User Principal Name,DISPLAYNAME,Office Location,Mobile Phone,Manager\n"
        "a@x,Anna,4/1,021,B@x\nb@x,Bert,,,nobody@x\n",
        "utf-8",
    )
    anna, bert = files.load(file).people.values()
    assert anna.manager == bert.id
    assert bert.manager is None
    assert anna.attributes["physicalDeliveryOfficeName"] == "4/1"
    assert anna.id == files.stable_id("A@X")


def test_json_with_groups(tmp_path):
    """People with roles and deleted ones, groups with members by id or name."""
    file = tmp_path / "directory.json"
    file.write_text(
        json.dumps(
            {
                "users": [
                    {"id": "1", "userPrincipalName": "a@x", "accountEnabled": False, "role": None},
                    {
                        "id": "2",
                        "userPrincipalName": "b@x",
                        "manager": {"id": "1"},
                        "isDeleted": True,
                        "role": "Default Access",
                        "businessPhones": ["1"],
                    },
                ],
                "groups": [{"id": "9", "displayName": "Team", "members": ["A@x", {"id": "2"}, "none"]}],
            }
        )
    )
    directory = files.load(file)
    one, two = directory.people.values()
    assert (one.enabled, one.role, two.deleted, two.role) == (False, None, True, DEFAULT_ACCESS)
    assert two.manager == "1"
    assert list(directory.groups["9"].members) == ["1", "2"]


def test_graphs_own_json(tmp_path):
    """What Microsoft Graph's GET /users answers can be used as it is."""
    file = tmp_path / "users.json"
    file.write_text(
        json.dumps({"value": [{"id": "1", "userPrincipalName": "a@x", "mobilePhone": "021", "mail": None}]})
    )
    (one,) = files.load(file).people.values()
    assert one.attributes["mobile"] == "021"
    assert "mail" not in one.attributes


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("u.csv", "name,mail\nx,y\n", "no column userPrincipalName"),
        ("u.csv", "userPrincipalName,mail\n,y\n", "line 2: no userPrincipalName"),
        ("u.csv", "", "no column userPrincipalName"),
        ("u.csv", "userPrincipalName,objectId\na,1\nb,1\n", "occurs twice"),
        ("u.json", "{", "u.json"),
        ("u.json", '{"users": 3}', "u.json"),
        ("u.json", '{"users": [3]}', "u.json"),
        ("u.json", '{"groups": [{"id": "1"}]}', "group 1: no displayName"),
        ("u.xlsx", "", "ends in .csv or .json"),
    ],
)
def test_files_that_hold_no_directory(tmp_path, name, text, says):
    """One sentence with the file and the place."""
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(SourceError, match=says):
        files.load(file)
