"""Reading a directory from files: the portal's *Download users* CSV, or JSON."""

import csv
import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from promapp_lite.rehearse.directory import USER_ROLE, Directory, Group, Person
from promapp_lite.text import decoded

# What the portal's "Download users" writes; any other Entra attribute may stand beside them.
COLUMNS = (
    "userPrincipalName",
    "displayName",
    "surname",
    "mail",
    "givenName",
    "objectId",
    "userType",
    "jobTitle",
    "department",
    "accountEnabled",
    "usageLocation",
    "streetAddress",
    "state",
    "country",
    "physicalDeliveryOfficeName",
    "city",
    "postalCode",
    "telephoneNumber",
    "mobile",
    "authenticationAlternativePhoneNumber",
    "authenticationEmail",
    "alternateEmailAddress",
    "ageGroup",
    "consentProvidedForMinor",
    "legalAgeGroupClassification",
    "companyName",
    "creationType",
    "directorySynced",
    "invitationState",
    "identityIssuer",
    "createdDateTime",
)
# Names of Microsoft Graph and of other downloads for the same attributes.
ALIASES = {
    "id": "objectId",
    "officelocation": "physicalDeliveryOfficeName",
    "mobilephone": "mobile",
    "faxnumber": "facsimileTelephoneNumber",
    "approle": "role",
}
KNOWN = COLUMNS + (
    "mailNickname",
    "employeeId",
    "preferredLanguage",
    "facsimileTelephoneNumber",
    "manager",
    "role",
    "members",
    "description",
    "isDeleted",
)
SPELLING = {name.lower(): name for name in KNOWN} | ALIASES
OWN_FIELDS = ("objectId", "manager", "accountEnabled", "role", "isDeleted")
NAMESPACE = uuid.UUID("8a3c1f6e-0d57-4d0b-9d0e-6a1f1f3f5b11")


class SourceError(ValueError):
    """A file that holds no directory; the text says where it fails."""


def spelled(name: str) -> str:
    """A column name as Entra spells the attribute, whatever blanks and case it has."""
    plain = name.strip().replace(" ", "")
    return SPELLING.get(plain.lower(), plain)


def text_of(value: Any) -> str:
    """A cell or JSON value as text without outer blanks."""
    return str(value).strip()


def row_of(raw: dict[Any, Any]) -> dict[str, Any]:
    """A row with known spellings and without empty values."""
    return {
        spelled(key): value
        for key, value in raw.items()
        if isinstance(key, str) and value is not None and text_of(value) != ""
    }


def stable_id(text: str) -> str:
    """The object id of something that came without one: the same text gives the same id."""
    return str(uuid.uuid5(NAMESPACE, text.lower()))


def person_of(raw: dict[Any, Any], place: str) -> Person:
    """A person from a row; SourceError when it has no user principal name."""
    row = row_of(raw)
    name = text_of(row.get("userPrincipalName", ""))
    if not name:
        raise SourceError(f"{place}: no userPrincipalName")
    attributes = {
        key: text_of(value)
        for key, value in row.items()
        if key not in OWN_FIELDS and not isinstance(value, (list, dict))
    }
    attributes.setdefault("mailNickname", name.partition("@")[0])
    attributes.setdefault("displayName", name)
    return Person(
        text_of(row.get("objectId", stable_id(name))),
        attributes,
        manager_of(row),
        enabled=text_of(row.get("accountEnabled", True)).lower() != "false",
        deleted=text_of(row.get("isDeleted", False)).lower() == "true",
        role=raw["role"] if "role" in raw and raw["role"] is None else row.get("role", USER_ROLE),
    )


def manager_of(row: dict[str, Any]) -> str | None:
    """The manager a row names, by id or user principal name; Graph writes an object."""
    found = row.get("manager")
    if isinstance(found, dict):
        found = found.get("id") or found.get("userPrincipalName")
    return text_of(found) if found else None


def group_of(raw: dict[Any, Any], place: str) -> Group:
    """A group from a JSON object; its members are ids or user principal names."""
    row = row_of(raw)
    if "displayName" not in row:
        raise SourceError(f"{place}: no displayName")
    members = [text_of(each.get("id") if isinstance(each, dict) else each) for each in row.pop("members", [])]
    attributes = {key: text_of(value) for key, value in row.items() if key not in OWN_FIELDS}
    return Group(
        text_of(row.get("objectId", stable_id(text_of(row["displayName"])))),
        attributes,
        dict.fromkeys(members),
        row.get("role", USER_ROLE),
    )


def read_csv(text: str) -> tuple[list[Person], list[Group]]:
    """The people of a CSV file; it has no groups."""
    rows = csv.DictReader(text.splitlines(keepends=True))
    if "userPrincipalName" not in [spelled(name) for name in rows.fieldnames or ()]:
        raise SourceError("the first line has no column userPrincipalName")
    return [person_of(row, f"line {rows.line_num}") for row in rows], []


def read_json(text: str) -> tuple[list[Person], list[Group]]:
    """People and groups of `{"users": […], "groups": […]}`, or Graph's `{"value": […]}`."""
    document = json.loads(text)
    if isinstance(document, list):
        document = {"users": document}
    people = document.get("users", document.get("value", []))
    teams = document.get("groups", [])
    return (
        [person_of(row, f"user {place}") for place, row in enumerate(people, 1)],
        [group_of(row, f"group {place}") for place, row in enumerate(teams, 1)],
    )


READERS: dict[str, Callable[[str], tuple[list[Person], list[Group]]]] = {
    ".csv": read_csv,
    ".json": read_json,
}


def load(file: Path) -> Directory:
    """The directory in a file; SourceError says what cannot be read."""
    reader = READERS.get(file.suffix.lower())
    if not reader:
        raise SourceError(f"{file.name}: a source ends in .csv or .json")
    try:
        return assemble(*reader(decoded(file.read_bytes())))
    except (ValueError, TypeError, AttributeError) as error:
        raise SourceError(f"{file.name}: {error}") from None


def assemble(people: Iterable[Person], groups: Iterable[Group]) -> Directory:
    """A directory whose references are object ids; a reference to nobody is dropped."""
    directory = Directory()
    for person in people:
        directory.add(person)
    for group in groups:
        directory.add(group)
    ids = {one.name.lower(): one.id for one in directory.people.values()}
    ids |= {one.lower(): one for one in directory.people}
    for one in directory.people.values():
        one.manager = ids.get(one.manager.lower()) if one.manager else None
    for group in directory.groups.values():
        known = [ids[each.lower()] for each in group.members if each.lower() in ids]
        group.members = dict.fromkeys(known)
    return directory
