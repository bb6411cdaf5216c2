"""The source: people and groups as Entra's directory holds them, with a log of what changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

USER_ROLE, DEFAULT_ACCESS = "User", "Default Access"
GUEST = "#EXT#"


@dataclass
class Person:
    """Somebody in the directory; attributes carry Entra's names, a missing one is null."""

    id: str
    attributes: dict[str, str]
    manager: str | None = None
    enabled: bool = True
    deleted: bool = False
    role: str | None = USER_ROLE
    modified: int = 0
    kind: str = field(default="User", repr=False)

    @property
    def name(self) -> str:
        """What the provisioning log calls them."""
        return self.attributes["userPrincipalName"]

    def values(self, soft_deleted: bool) -> dict[str, str]:
        """The attributes as mappings see them: a guest's name without #EXT#, booleans as text."""
        full = self.name
        return self.attributes | {
            "objectId": self.id,
            "originalUserPrincipalName": full,
            "userPrincipalName": full.replace(GUEST, ""),
            "accountEnabled": str(self.enabled),
            "IsSoftDeleted": str(soft_deleted),
        }


@dataclass
class Group:
    """A security group; `members` are object ids of people, in the order they joined."""

    id: str
    attributes: dict[str, str]
    members: dict[str, None] = field(default_factory=dict)
    role: str | None = USER_ROLE
    modified: int = 0
    kind: str = field(default="Group", repr=False)

    @property
    def name(self) -> str:
        """What the provisioning log calls it."""
        return self.attributes["displayName"]

    def values(self, soft_deleted: bool = False) -> dict[str, str]:
        """The attributes as mappings see them."""
        return self.attributes | {"objectId": self.id, "IsSoftDeleted": str(soft_deleted)}


Entry = Person | Group


class Directory:
    """People and groups by object id; every change moves `tick`, Entra's delta token."""

    def __init__(self) -> None:
        self.tick = 0
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.purged: dict[str, int] = {}

    def add(self, entry: Entry) -> None:
        """A new person or group; ValueError when the object id is taken."""
        if entry.id in self.people or entry.id in self.groups:
            raise ValueError(f"object id {entry.id} occurs twice")
        if isinstance(entry, Person):
            self.people[entry.id] = entry
        else:
            self.groups[entry.id] = entry
        self.touch(entry)

    def touch(self, entry: Entry) -> None:
        """Note that the object changed now."""
        self.tick += 1
        entry.modified = self.tick

    def purge(self, entry: Entry) -> None:
        """Delete for good: out of every group, nobody's manager any more."""
        self.tick += 1
        self.purged[entry.id] = self.tick
        self.people.pop(entry.id, None)
        self.groups.pop(entry.id, None)
        for group in self.groups.values():
            if group.members.pop(entry.id, self) is not self:
                self.touch(group)
        for person in self.people.values():
            if person.manager == entry.id:
                person.manager = None
                self.touch(person)

    def entries(self) -> Iterator[Entry]:
        """Everybody and every group, people first."""
        yield from self.people.values()
        yield from self.groups.values()

    def entitled(self) -> set[str]:
        """Ids of all with an assignment other than Default Access, their own or a group's."""
        found = {entry.id for entry in self.entries() if entry.role not in (None, DEFAULT_ACCESS)}
        for group in self.groups.values():
            if group.id in found:
                found.update(group.members)
        return found
