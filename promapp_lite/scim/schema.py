"""The attributes this service knows, as one table.

RFC 7643 §4 (core), §4.3 (enterprise) and §7 (attribute characteristics). What is in no table
is undeclared: it is stored and returned as sent (Entra maps custom attributes that are not declared).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True, eq=False)
class Attribute:
    """One attribute with its characteristics (RFC 7643 §7); `sub_attributes` make it complex."""

    name: str
    description: str = ""
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple["Attribute", ...] = ()

    @cached_property
    def by_name(self) -> dict[str, "Attribute"]:
        """Sub-attributes by lower-case name: names are case-insensitive (RFC 7643 §2.1)."""
        return {sub.name.lower(): sub for sub in self.sub_attributes}

    def sub(self, name: str) -> "Attribute":
        """The sub-attribute of that name, an undeclared one where the table has none."""
        return self.by_name.get(name.lower()) or DEFAULT_SUB_ATTRIBUTES.get(name.lower()) or undeclared(name)

    @property
    def complex(self) -> bool:
        """Whether the table gives it sub-attributes."""
        return bool(self.sub_attributes)

    @property
    def undeclared(self) -> bool:
        """Whether no table knows it; it then takes any JSON value."""
        return self.type == "any"


def text(name: str, description: str, **facts: Any) -> Attribute:
    return Attribute(name, description, **facts)


def boolean(name: str, description: str, **facts: Any) -> Attribute:
    return Attribute(name, description, type="boolean", **facts)


def reference(name: str, description: str, *reference_types: str, **facts: Any) -> Attribute:
    """A reference attribute to the named resource types; references compare exactly."""
    return Attribute(
        name, description, type="reference", case_exact=True, reference_types=reference_types, **facts
    )


def record(name: str, description: str, *sub_attributes: Attribute, **facts: Any) -> Attribute:
    return Attribute(name, description, type="complex", sub_attributes=sub_attributes, **facts)


def plural(name: str, thing: str, *types: str, value: Attribute | None = None) -> Attribute:
    """A multi-valued attribute with the standard sub-attributes of RFC 7643 §2.4."""
    return record(
        name,
        f"The user's {thing}s.",
        value or text("value", f"The {thing} itself."),
        text("display", "A name to show for it."),
        text("type", "What it is for.", canonical_values=types),
        boolean("primary", "Whether it is the preferred one; at most one is."),
        multi_valued=True,
    )


@lru_cache(1024)
def undeclared(name: str) -> Attribute:
    """An attribute that no table knows: any JSON value."""
    return Attribute(name, type="any")


DEFAULT_SUB_ATTRIBUTES = {  # what any multi-valued attribute may have (RFC 7643 §2.4)
    "primary": boolean("primary", ""),
    "display": text("display", ""),
    "type": text("type", ""),
}

COMMON = (
    text(
        "id",
        "The identifier this service gave.",
        case_exact=True,
        mutability="readOnly",
        returned="always",
    ),
    text("externalId", "The identifier the provisioning client gave.", case_exact=True),
    reference("schemas", "The schemas in use.", multi_valued=True, mutability="readOnly", returned="always"),
    record(
        "meta",
        "What this service knows about the resource.",
        text("resourceType", "User or Group.", case_exact=True, mutability="readOnly"),
        Attribute("created", "When it was made.", type="dateTime", mutability="readOnly"),
        Attribute("lastModified", "When it last changed.", type="dateTime", mutability="readOnly"),
        reference("location", "Its address.", "uri", mutability="readOnly"),
        text("version", "Its ETag.", case_exact=True, mutability="readOnly"),
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
    text("type", "What it is for.", canonical_values=("work", "home", "other")),
    boolean("primary", "Whether it is the preferred one; at most one is."),
    multi_valued=True,
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
        case_exact=True,
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
        text("value", "The group's id.", case_exact=True, mutability="readOnly"),
        reference("$ref", "The group's address.", "Group", mutability="readOnly"),
        text("display", "The group's name.", mutability="readOnly"),
        text("type", "direct or indirect.", canonical_values=("direct", "indirect"), mutability="readOnly"),
        multi_valued=True,
        mutability="readOnly",
    ),
    plural("entitlements", "entitlement"),
    plural("roles", "role"),
    plural(
        "x509Certificates",
        "certificate",
        value=Attribute("value", "The certificate, DER in base64.", type="binary", case_exact=True),
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
        text("value", "The id of the manager.", case_exact=True),
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
        text("value", "The member's id.", case_exact=True, mutability="immutable"),
        reference("$ref", "The member's address.", "User", "Group", mutability="immutable"),
        text("type", "User or Group.", canonical_values=("User", "Group"), mutability="immutable"),
        text("display", "The member's name: as sent, else as it is now.", mutability="immutable"),
        multi_valued=True,
    ),
)
