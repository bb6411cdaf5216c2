"""The resource types with their schemas, and how a path finds its attribute (RFC 7643 §6, RFC 7644 §3.10)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.schema import (
    COMMON,
    ENTERPRISE,
    ENTERPRISE_ATTRIBUTES,
    GROUP,
    GROUP_ATTRIBUTES,
    USER,
    USER_ATTRIBUTES,
    Attribute,
    undeclared,
)


@dataclass(frozen=True, eq=False)
class ResourceType:
    """A resource type with its core schema and its extensions (RFC 7643 §6)."""

    name: str
    endpoint: str
    urn: str
    description: str
    attributes: tuple[Attribute, ...]
    extensions: dict[str, tuple[Attribute, ...]] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, tuple[str | None, Attribute]]:
        """(extension URN or None, attribute) by lower-case name, core first: Entra says `manager`."""
        found: dict[str, tuple[str | None, Attribute]] = {}
        for urn, attributes in ((None, COMMON + self.attributes), *self.extensions.items()):
            for attribute in attributes:
                found.setdefault(attribute.name.lower(), (urn, attribute))
        return found

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The names of the attributes that have to be there."""
        return tuple(attribute.name for attribute in self.attributes if attribute.required)

    @cached_property
    def urns(self) -> dict[str, str | None]:
        """Lower-case schema URN to extension URN (None is the core), the longest first."""
        known = {self.urn.lower(): None, **{urn.lower(): urn for urn in self.extensions}}
        return dict(sorted(known.items(), key=lambda pair: -len(pair[0])))

    def knows(self, path: str) -> bool:
        """Whether a path begins with a URN of this kind's schemas."""
        lower = path.lower()
        return any(lower == urn or lower.startswith((f"{urn}:", f"{urn}.")) for urn in self.urns)

    def extension(self, urn: str, name: str) -> Attribute:
        """An attribute of an extension, undeclared where the table has none."""
        for attribute in self.extensions.get(urn, ()):
            if attribute.name.lower() == name.lower():
                return attribute
        return undeclared(name)


USERS = ResourceType(
    "User", "/Users", USER, "User Account", USER_ATTRIBUTES, {ENTERPRISE: ENTERPRISE_ATTRIBUTES}
)
GROUPS = ResourceType("Group", "/Groups", GROUP, "Group", GROUP_ATTRIBUTES)
RESOURCE_TYPES = (USERS, GROUPS)


class Path(NamedTuple):
    """Where a value is: extension URN (None is the core), attribute (None is the whole extension), sub."""

    urn: str | None
    attribute: Attribute | None
    sub: Attribute | None = None

    def __str__(self) -> str:
        names = [part.name for part in (self.attribute, self.sub) if part]
        return ":".join(filter(None, (self.urn, ".".join(names))))

    @property
    def leaf(self) -> Attribute:
        """The attribute whose values are meant."""
        return self.sub or self.top

    @property
    def top(self) -> Attribute:
        """The attribute itself; not to be asked of a path to a whole extension."""
        assert self.attribute is not None  # noqa: S101
        return self.attribute

    @property
    def mutability(self) -> str:
        """The stricter of the attribute's and the sub-attribute's mutability."""
        if self.attribute is None:
            return "readWrite"
        return self.attribute.mutability if self.attribute.mutability != "readWrite" else self.leaf.mutability


NAME_RULE = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)
CUSTOM_URN = re.compile(r"(urn:.+?:(?:User|Group))(?:[:.](.+))?", re.IGNORECASE | re.DOTALL)


@lru_cache(4096)
def resolve(kind: ResourceType, path: str) -> Path:
    """Find what `path` (`[URN:]attribute[.sub]`) names; ScimError 400 where its form is wrong.

    The version in a URN has a dot of its own, so the URN goes first: the longest registered one,
    else up to `:User` or `:Group` as Entra names custom extensions, else up to the last colon.
    """
    urn, rest = split_urn(kind, path)
    if not rest:
        if urn is None:
            raise refuse("path_names_schema", path=path)
        return Path(urn, None)
    names = rest.split(".")
    if len(names) > 2 or not all(NAME_RULE.fullmatch(name) for name in names):
        raise refuse("not_attribute_path", path=path)
    found, attribute = lookup(kind, urn, names[0], bool(urn) or path is not rest)
    if len(names) > 1 and not (attribute.complex or attribute.undeclared):
        raise refuse("no_sub_attributes", attribute=attribute.name, name=names[1])
    return Path(found, attribute, attribute.sub(names[1]) if len(names) > 1 else None)


def resolve_among(known: Callable[[str], str | None], text: str) -> Path | None:
    """The path in `[URN:]attribute[.sub]` whose URN is `known`, the longest there is; None where none is.

    The URN of an extension may end in anything, so its form does not tell where the attribute begins.
    """
    last = max(text.rfind(":"), text.rfind("."))
    ends = [len(text), last]
    if text[last] == ".":
        ends.append(max(text.rfind(":", 0, last), text.rfind(".", 0, last)))
    for end in ends:
        urn, rest = known(text[:end]), text[end + 1 :]
        if urn is not None:
            return undeclared_path(urn, rest)
    return None


def undeclared_path(urn: str, rest: str) -> Path:
    """What `attribute[.sub]` names in an extension that no table has; the whole of it where it is empty."""
    if not rest:
        return Path(urn, None)
    names = rest.split(".")
    if len(names) > 2 or not all(NAME_RULE.fullmatch(name) for name in names):
        raise refuse("not_attribute_path", path=f"{urn}:{rest}")
    attribute = undeclared(names[0])
    return Path(urn, attribute, attribute.sub(names[1]) if len(names) > 1 else None)


def lookup(kind: ResourceType, urn: str | None, name: str, qualified: bool) -> tuple[str | None, Attribute]:
    """The extension and attribute a name means; unqualified names also find extension attributes."""
    if urn is not None:
        return urn, kind.extension(urn, name)
    found = kind.by_name.get(name.lower())
    if found is None or (qualified and found[0] is not None):
        return None, undeclared(name)
    return found


def split_urn(kind: ResourceType, path: str) -> tuple[str | None, str]:
    """Split `path` into extension URN (None is the core) and the attribute part."""
    lower = path.lower()
    if not lower.startswith("urn:"):
        return None, path
    for known, urn in kind.urns.items():
        if lower == known or (lower.startswith(known) and lower[len(known)] in ":."):
            return urn, path[len(known) + 1 :]
    custom = CUSTOM_URN.fullmatch(path)
    if custom:
        return custom[1], custom[2] or ""
    urn, _, name = path.rpartition(":")
    return urn, name
