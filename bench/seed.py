"""The people and groups that are there before anything is measured.

Of every eleven people one is in no group, so that reading people with and without groups can both be
measured; the round number is that of those in groups. A group is as large as there are people to be in it.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.client import Client
from promapp_lite.scim import resource
from promapp_lite.scim.resource_types import GROUPS, USERS, ResourceType
from promapp_lite.store import opening
from promapp_lite.store.activity import indexer
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import resources
from promapp_lite.store.engine import Store

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP_SIZES = (0, 1_000, 10_000, 50_000)
EMPTY_GROUPS = 200  # members added "to an empty group" go to these in turn, so that they stay small
ALONE = 11  # one in so many people is in no group


class Unfit(Exception):
    """A contender that cannot do what is measured; the text says why."""


class Seeded(NamedTuple):
    """The ids that are there: people in the order they were made, groups by their number of members."""

    people: list[str]
    groups: dict[int, list[str]]

    @property
    def alone(self) -> list[int]:
        """The numbers of those in no group."""
        return list(range(0, len(self.people), ALONE))

    @property
    def joined(self) -> list[int]:
        """The numbers of those who can be in groups."""
        return [n for n in range(len(self.people)) if n % ALONE]


def user_name(n: int | str) -> str:
    """The userName of person n, of equal length for all."""
    return f"person{n:0>8}@example.com"


def person(n: int | str) -> dict[str, Any]:
    """Person n as Entra creates one (POST /Users)."""
    return {
        "schemas": [f"{CORE}User", ENTERPRISE],
        "externalId": f"external{n:0>8}",
        "userName": user_name(n),
        "active": True,
        "displayName": f"Given{n:0>8} Family{n:0>8}",
        "title": f"Title {n:0>8}",
        "preferredLanguage": "en-NZ",
        "emails": [{"primary": True, "type": "work", "value": user_name(n)}],
        "name": {
            "formatted": f"Given{n:0>8} Family{n:0>8}",
            "familyName": f"Family{n:0>8}",
            "givenName": f"Given{n:0>8}",
        },
        "phoneNumbers": [{"type": "work", "value": f"+64 9 {n:0>8}"}],
        ENTERPRISE: {"employeeNumber": f"{n:0>8}", "department": "Operations"},
    }


def plain(n: int | str) -> dict[str, Any]:
    """Person n without the enterprise extension, for who refuses it."""
    return {name: value for name, value in person(n).items() if name != ENTERPRISE} | {
        "schemas": [f"{CORE}User"]
    }


def group(name: str, members: list[str] | None = None) -> dict[str, Any]:
    """A group in the form in which Entra makes one."""
    external = name.lower().replace(" ", "-")  # scimgateway makes it the id
    body: dict[str, Any] = {"schemas": [f"{CORE}Group"], "externalId": external, "displayName": name}
    return body if members is None else body | {"members": [{"value": id} for id in members]}


def group_sizes(people: int) -> list[int]:
    """The sizes of groups that so many people can fill."""
    return [size for size in GROUP_SIZES if size <= people]


def names(size: int) -> list[str]:
    """The names of the groups of one size."""
    return [f"Group of {size} no {n:03}" for n in range(EMPTY_GROUPS if size == 0 else 1)]


def plant(folder: Path, people: int) -> Seeded:
    """Fill a data folder of ours through the store, in one transaction; kept as seed.json beside it."""
    store = opening.open_store(folder)
    with store.write():
        ids = [make(store, USERS, person(n)) for n in range(people + people // (ALONE - 1))]
        joined = [id for n, id in enumerate(ids) if n % ALONE]
        groups = {
            size: [make(store, GROUPS, group(name, joined[:size])) for name in names(size)]
            for size in group_sizes(people)
        }
        seeded = Seeded(ids, groups)
    indexer.catch_up(store)
    store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    (folder / "seed.json").write_text(json.dumps([seeded.people, list(seeded.groups.items())]), "utf-8")
    return seeded


def make(store: Store, kind: ResourceType, body: dict[str, Any]) -> str:
    """Make one resource, with its activity row; returns its id."""
    document, steps = resource.build(kind, body)
    return resources.create(store, kind, document, steps, Caller("POST", kind.endpoint)).id


def planted(folder: Path) -> Seeded:
    """What `plant` made."""
    ids, groups = json.loads((folder / "seed.json").read_text("utf-8"))
    return Seeded(ids, {size: found for size, found in groups})


Form = Callable[[int | str], dict[str, Any]]


def post_all(client: Client, base: str, people: int, seconds: float, form: Form) -> Seeded:
    """Fill a server over HTTP; Unfit where it takes longer or refuses a person; groups can be missing."""
    end = time.monotonic() + seconds
    ids = [
        post(client, f"{base}/Users", form(n), end, f"{people:,} people")
        for n in range(people + people // (ALONE - 1))
    ]
    joined = [id for n, id in enumerate(ids) if n % ALONE]
    groups = {}
    for size in group_sizes(people):
        try:
            groups[size] = [
                post(client, f"{base}/Groups", group(name, joined[:size]), end, f"a group of {size:,}")
                for name in names(size)
            ]
        except Unfit:
            groups[size] = []
    return Seeded(ids, groups)


def post(client: Client, path: str, body: dict[str, Any], end: float, what: str) -> str:
    """Make one resource over HTTP; returns its id."""
    if time.monotonic() > end:
        raise Unfit(f"could not make {what} in the time given")
    answer = client.ask("POST", path, body)
    if answer.status != 201:
        raise Unfit(f"making {what}: {answer.status} {answer.body[:120].decode('utf-8', 'replace')}")
    return str(answer.json["id"])
