"""A directory made up from a seed: the same seed gives the same people, groups and ids."""

import uuid
from random import Random

from promapp_lite.rehearse import names
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, GUEST, USER_ROLE, Directory, Group, Person

DOMAIN = "rehearsal.example"
# How many of a hundred people are …
DISABLED, GUESTS, WITHOUT_MAIL, WITHOUT_MANAGER, DEFAULT, UNASSIGNED = 4, 6, 8, 10, 4, 3
SPAN = 8  # people a manager leads


def generate(users: int, groups: int, seed: int) -> Directory:
    """A directory of so many people and groups."""
    random, directory = Random(seed), Directory()  # noqa: S311 - made-up names
    for number in range(users):
        directory.add(person(random, number))
    lead(directory, random)
    team_up(directory, groups, seed)
    return directory


def chance(random: Random, percent: int) -> bool:
    """True in so many cases of a hundred."""
    return random.randrange(100) < percent


def identity(random: Random) -> str:
    """An object id."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def person(random: Random, number: int) -> Person:
    """Somebody new; the number makes the user name unique."""
    language, *columns = random.choice(names.CULTURES)
    given, latin_given, family, latin_family = (column.split() for column in columns)
    first, last = random.randrange(len(given)), random.randrange(len(family))
    nickname = f"{latin_given[first]}.{latin_family[last]}.{number}"
    attributes = {
        "userPrincipalName": f"{nickname}@{DOMAIN}",
        "mailNickname": nickname,
        "mail": f"{nickname}@mail.{DOMAIN}",
        "displayName": f"{given[first]} {family[last]}",
        "givenName": given[first],
        "surname": family[last],
        "preferredLanguage": language,
        "employeeId": f"E{number:05}",
    } | work(random)
    if chance(random, WITHOUT_MAIL):
        del attributes["mail"]
    if chance(random, GUESTS):
        make_guest(attributes, nickname)
    return Person(identity(random), attributes, enabled=not chance(random, DISABLED), role=role(random))


def work(random: Random) -> dict[str, str]:
    """A post: title, department, place and telephones; some have only part of it."""
    city, state, code, country, street = random.choice(names.PLACES)
    found = {
        "jobTitle": random.choice(names.TITLES),
        "department": random.choice(names.DEPARTMENTS),
        "physicalDeliveryOfficeName": f"{random.randrange(1, 30)}/{random.randrange(1000, 3000)}",
        "streetAddress": street,
        "city": city,
        "state": state,
        "postalCode": code,
        "country": country,
        "telephoneNumber": f"+64 9 {random.randrange(10**6):07}",
        "mobile": f"(021) {random.randrange(10**6):06}",
        "facsimileTelephoneNumber": f"09-{random.randrange(10**6):06} ext. 5",
    }
    return {name: value for name, value in found.items() if not chance(random, 10)}


def make_guest(attributes: dict[str, str], nickname: str) -> None:
    """Make the attributes those of an invited guest of another company."""
    attributes["userPrincipalName"] = f"{nickname}_partner.example{GUEST}@{DOMAIN}"
    attributes["mail"] = f"{nickname}@partner.example"
    attributes["userType"] = "Guest"


def role(random: Random) -> str | None:
    """An assignment to the application: nearly all have the role User."""
    roll = random.randrange(100)
    return DEFAULT_ACCESS if roll < DEFAULT else None if roll < DEFAULT + UNASSIGNED else USER_ROLE


def lead(directory: Directory, random: Random) -> None:
    """Give most people a manager out of those that stand before them, so nobody leads themself."""
    people = list(directory.people.values())
    for place, one in enumerate(people[1:], 1):
        if not chance(random, WITHOUT_MANAGER):
            one.manager = people[(place - 1) // SPAN].id


def team_up(directory: Directory, groups: int, seed: int) -> None:
    """Groups of all sizes; those without the role User stay among themselves."""
    random = Random(seed * 31 + 7)  # noqa: S311 - made-up groups
    pools: dict[bool, list[str]] = {True: [], False: []}
    for one in directory.people.values():
        pools[one.role == USER_ROLE].append(one.id)
    for number in range(groups):
        assigned = number % 10 != 9
        directory.add(team(random, number, pools[assigned], USER_ROLE if assigned else None))


def team(random: Random, number: int, pool: list[str], assignment: str | None) -> Group:
    """A group with members out of the pool; every tenth is empty, the first holds half of all."""
    wanted = 0 if number % 10 == 8 else len(pool) // 2 if number == 0 else random.randrange(2, 40)
    members = random.sample(pool, min(wanted, len(pool)))
    name = f"{names.TEAMS[number % len(names.TEAMS)]} {number} (rehearsal)"
    return Group(
        identity(random),
        {"displayName": name, "mailNickname": f"team{number}"},
        dict.fromkeys(members),
        assignment,
    )
