"""The attributes this service knows, as one table, and how a path finds its attribute.

RFC 7643 §4 (core), §4.3 (enterprise) and §7 (attribute characteristics). What is in no table
is free: it is stored and returned as sent (Entra maps custom attributes nobody declared).
"""

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from promapp_lite.scim.refusals import refuse

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True, eq=False)
class Attribute:
    """One attribute with its characteristics (RFC 7643 §7); `subs` makes it complex."""

    name: str
    description: str = ""
    type: str = "string"
    multi: bool = False
    required: bool = False
    exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    subs: tuple["Attribute", ...] = ()

    @cached_property
    def by_name(self) -> dict[str, "Attribute"]:
        """Sub-attributes by lower-case name: names are case-insensitive (RFC 7643 §2.1)."""
        return {sub.name.lower(): sub for sub in self.subs}

    def sub(self, name: str) -> "Attribute":
        """The sub-attribute of that name, a free one where the table has none."""
        return self.by_name.get(name.lower()) or DEFAULT_SUBS.get(name.lower()) or free(name)

    @property
    def complex(self) -> bool:
        """Whether the table gives it sub-attributes."""
        return bool(self.subs)

    @property
    def free(self) -> bool:
        """Whether no table knows it."""
        return self.type == "any"


def text(name: str, description: str, **facts: Any) -> Attribute:
    return Attribute(name, description, **facts)


def boolean(name: str, description: str, **facts: Any) -> Attribute:
    return Attribute(name, description, type="boolean", **facts)


def reference(name: str, description: str, *refs: str, **facts: Any) -> Attribute:
    """A reference attribute to the named resource types; references compare exactly."""
    return Attribute(name, description, type="reference", exact=True, refs=refs, **facts)


def record(name: str, description: str, *subs: Attribute, **facts: Any) -> Attribute:
    return Attribute(name, description, type="complex", subs=subs, **facts)


def plural(name: str, thing: str, *types: str, value: Attribute | None = None) -> Attribute:
    """A multi-valued attribute with the standard sub-attributes of RFC 7643 §2.4."""
    return record(
        name,
        f"The user's {thing}s.",
        value or text("value", f"The {thing} itself."),
        text("display", "A name to show for it."),
        text("type", "What it is for.", canonical=types),
        boolean("primary", "Whether it is the preferred one; at most one is."),
        multi=True,
    )


@lru_cache(1024)
def free(name: str) -> Attribute:
    """An attribute that no table knows: any JSON value."""
    return Attribute(name, type="any")


DEFAULT_SUBS = {  # what any multi-valued attribute may have (RFC 7643 §2.4)
    "primary": boolean("primary", ""),
    "display": text("display", ""),
    "type": text("type", ""),
}

COMMON = (
    text(
        "id",
        "The identifier this service gave.",
        exact=True,
        mutability="readOnly",
        returned="always",
    ),
    text("externalId", "The identifier the provisioning client gave.", exact=True),
    reference("schemas", "The schemas in use.", multi=True, mutability="readOnly", returned="always"),
    record(
        "meta",
        "What this service knows about the resource.",
        text("resourceType", "User or Group.", exact=True, mutability="readOnly"),
        Attribute("created", "When it was made.", type="dateTime", mutability="readOnly"),
        Attribute("lastModified", "When it last changed.", type="dateTime", mutability="readOnly"),
        reference("location", "Its address.", "uri", mutability="readOnly"),
        text("version", "Its ETag.", exact=True, mutability="readOnly"),
        mutability="readOnly",
    ),
)

NAME = record(
    "name",
    "The parts of the user's name.",
    text("formatted", "The whole name, ready to show."),
    text("familyName", "The family name."),
    text("givenName", "The given name."),
    text("middleName", "The middle names."),
    text("honorificPrefix", "Titles in front, such as Dr."),
    text("honorificSuffix", "Additions behind, such as III."),
)

ADDRESSES = record(
    "addresses",
    "The user's postal addresses.",
    text("formatted", "The whole address, ready to show."),
    text("streetAddress", "Street, house number, post box."),
    text("locality", "City."),
    text("region", "State or region."),
    text("postalCode", "Postal code."),
    text("country", "Country."),
    text("type", "What it is for.", canonical=("work", "home", "other")),
    boolean("primary", "Whether it is the preferred one; at most one is."),
    multi=True,
)

USER_ATTRIBUTES = (
    text("userName", "The name to sign in with.", required=True, uniqueness="server"),
    NAME,
    text("displayName", "The name to show."),
    text("nickName", "The casual name."),
    reference("profileUrl", "The user's page.", "external"),
    text("title", "The job title."),
    text("userType", "Employee, Contractor and the like."),
    text("preferredLanguage", "The preferred language, as in Accept-Language."),
    text("locale", "The locale for dates and numbers."),
    text("timezone", "The time zone, as Europe/Zurich."),
    boolean("active", "Whether the user may work; Entra sets it to false to disable."),
    text(
        "password",
        "Accepted and thrown away.",
        exact=True,
        mutability="writeOnly",
        returned="never",
    ),
    plural("emails", "e-mail address", "work", "home", "other"),
    plural("phoneNumbers", "phone number", "work", "home", "mobile", "fax", "pager", "other"),
    plural(
        "ims",
        "instant messaging address",
        "aim",
        "gtalk",
        "icq",
        "xmpp",
        "msn",
        "skype",
        "qq",
        "yahoo",
    ),
    plural(
        "photos",
        "photo",
        "photo",
        "thumbnail",
        value=reference("value", "The photo's URL.", "external"),
    ),
    ADDRESSES,
    record(
        "groups",
        "The groups the user is in, directly or through other groups.",
        text("value", "The group's id.", exact=True, mutability="readOnly"),
        reference("$ref", "The group's address.", "Group", mutability="readOnly"),
        text("display", "The group's name.", mutability="readOnly"),
        text("type", "direct or indirect.", canonical=("direct", "indirect"), mutability="readOnly"),
        multi=True,
        mutability="readOnly",
    ),
    plural("entitlements", "entitlement"),
    plural("roles", "role"),
    plural(
        "x509Certificates",
        "certificate",
        value=Attribute("value", "The certificate, DER in base64.", type="binary", exact=True),
    ),
)

ENTERPRISE_ATTRIBUTES = (
    text("employeeNumber", "The number in the organisation."),
    text("costCenter", "The cost center."),
    text("organization", "The organisation."),
    text("division", "The division."),
    text("department", "The department."),
    record(
        "manager",
        "The user's manager.",
        text("value", "The id of the manager.", exact=True),
        reference("$ref", "The address of the manager.", "User"),
        text("displayName", "The name of the manager.", mutability="readOnly"),
    ),
)

GROUP_ATTRIBUTES = (
    text(
        "displayName",
        "The group's name; unique, as Entra matches by it.",
        required=True,
        uniqueness="server",
    ),
    record(
        "members",
        "The users and groups in the group.",
        text("value", "The member's id.", exact=True, mutability="immutable"),
        reference("$ref", "The member's address.", "User", "Group", mutability="immutable"),
        text("type", "User or Group.", canonical=("User", "Group"), mutability="immutable"),
        text("display", "The member's name: as sent, else as it is now.", mutability="immutable"),
        multi=True,
    ),
)


@dataclass(frozen=True, eq=False)
class Kind:
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
        """An attribute of an extension, free where the table has none."""
        for attribute in self.extensions.get(urn, ()):
            if attribute.name.lower() == name.lower():
                return attribute
        return free(name)


USERS = Kind("User", "/Users", USER, "User Account", USER_ATTRIBUTES, {ENTERPRISE: ENTERPRISE_ATTRIBUTES})
GROUPS = Kind("Group", "/Groups", GROUP, "Group", GROUP_ATTRIBUTES)
KINDS = (USERS, GROUPS)


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
def resolve(kind: Kind, path: str) -> Path:
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
    if len(names) > 1 and not (attribute.complex or attribute.free):
        raise refuse("no_sub_attributes", attribute=attribute.name, name=names[1])
    return Path(found, attribute, attribute.sub(names[1]) if len(names) > 1 else None)


def lookup(kind: Kind, urn: str | None, name: str, qualified: bool) -> tuple[str | None, Attribute]:
    """The extension and attribute a name means; unqualified names also find extension attributes."""
    if urn is not None:
        return urn, kind.extension(urn, name)
    found = kind.by_name.get(name.lower())
    if found is None or (qualified and found[0] is not None):
        return None, free(name)
    return found


def split_urn(kind: Kind, path: str) -> tuple[str | None, str]:
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
