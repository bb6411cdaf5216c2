"""Why Azure AD was refused and what to change there, in words: from status, scimType and detail."""

import re
from typing import NamedTuple


class Advice(NamedTuple):
    """What lies behind a refusal, and what to do in the Azure portal."""

    why: str
    todo: str


class Rule(NamedTuple):
    """Applies where all that is given agrees; `{0}` in the texts is what the pattern's group caught."""

    status: int
    scim_type: str | None
    detail: str
    why: str
    todo: str


MAPPING = "Provisioning → Attribute mapping"
LIST = "Show advanced options → Edit attribute list"
AGAIN = "then let one person through Provision on demand"

RULES = (
    Rule(
        409,
        "uniqueness",
        r"already has the userName",
        "Somebody with this userName is already here, and Azure AD did not find them first: "
        "it looked by another "
        "attribute, or two people in Microsoft Entra ID carry the same value.",
        f"In {MAPPING} give userName “Match objects using this attribute: Yes” with matching precedence 1. "
        "If two people really share the value, change it on one of them.",
    ),
    Rule(
        409,
        "uniqueness",
        r"already has the displayName",
        "A group with this name is already here, and names of groups are unique.",
        f"In {MAPPING} of groups match on displayName with precedence 1, or rename one of the "
        f"two groups in "
        "Microsoft Entra ID.",
    ),
    Rule(
        409,
        "invalidValue",
        r"",
        "A request in the bulk body refers to one that was not carried out.",
        "Nothing in the attribute mapping: the first failure of the same cycle tells the cause.",
    ),
    Rule(
        404,
        None,
        r"is not here",
        "Azure AD remembers an id that is not here any more: the person or group was deleted "
        "here, or this data "
        "is not the data Azure AD provisioned into.",
        "Restore it here under People and groups, Deleted. Or choose Provisioning → Restart "
        "provisioning, so "
        "that Azure AD looks for everybody anew.",
    ),
    Rule(
        404,
        None,
        r"nothing at this address",
        "The address asked for is no part of the SCIM service.",
        "Copy the Tenant URL from the top of this page into Provisioning → Admin Credentials; it ends in "
        "/api/scim.",
    ),
    Rule(
        400,
        "invalidValue",
        r"^(\S+) is required",
        "{0} is empty for this object, and it cannot be kept without.",
        f"In {MAPPING} check the source attribute of {{0}}. Where it can be empty use the mapping type "
        "Expression, such as Coalesce([mail], [userPrincipalName]), or a default value.",
    ),
    Rule(
        400,
        "invalidValue",
        r"^(active) takes",
        "active must say True or False, and something else arrived.",
        f"In {MAPPING} map active with the expression "
        'Switch([IsSoftDeleted], , "False", "True", "True", "False").',
    ),
    Rule(
        400,
        "invalidValue",
        r"^(\S+) takes at most",
        "The value for {0} is too long.",
        f"In {MAPPING} shorten it with the expression Mid([source attribute], 1, 255), or map "
        f"another source "
        "attribute to {0}.",
    ),
    Rule(
        400,
        "invalidValue",
        r"^(\S+) takes one value",
        "{0} holds one value, and a list arrived.",
        f"In {MAPPING} map {{0}} from a source attribute with one value, or with an expression such as "
        "Item([source attribute], 1).",
    ),
    Rule(
        400,
        "invalidValue",
        r"^(\S+) takes",
        "The value for {0} has the wrong type.",
        f"In {MAPPING} check the source attribute of {{0}}; under {LIST} its type must be the "
        f"one named above.",
    ),
    Rule(
        400,
        "invalidValue",
        r"^(\S+) has more than one value with primary",
        "Two values of {0} are marked as the primary one.",
        f"In {MAPPING} keep the mapping of {{0}} with primary for one type only.",
    ),
    Rule(
        400,
        "invalidValue",
        r"blanks around it",
        "The userName has blanks before or after it, or characters that cannot be seen.",
        f"In {MAPPING} map userName with the expression Trim([userPrincipalName]), or clean the value in "
        "Microsoft Entra ID.",
    ),
    Rule(
        400,
        "invalidValue",
        r"",
        "A value cannot be kept as it was sent.",
        f"In {MAPPING} correct the source attribute or expression of the attribute named above, {AGAIN}.",
    ),
    Rule(
        400,
        "invalidPath",
        r"",
        "A target attribute of the mapping has a name that SCIM cannot read.",
        f"In {MAPPING} delete that line, or correct the target attribute's name under {LIST}. "
        f"One looks like "
        'emails[type eq "work"].value or '
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department.",
    ),
    Rule(
        400,
        "noTarget",
        r"",
        "The change names a value that is not there.",
        f"In {MAPPING} check the part in [ ] of the target attribute, {AGAIN}.",
    ),
    Rule(
        400,
        "mutability",
        r"^(\S+) is kept",
        "{0} is kept by this service; nobody can write it.",
        f"In {MAPPING} delete the line whose target attribute is {{0}}.",
    ),
    Rule(
        400,
        "invalidFilter",
        r"",
        "Azure AD searched by an attribute in a way that cannot be answered.",
        f'In {MAPPING} match on userName, externalId or emails[type eq "work"].value.',
    ),
    Rule(
        400,
        "tooMany",
        r"",
        "The request holds more than the limits of this service.",
        "Usually a group or attribute with very many values: assign a smaller group, or split it.",
    ),
    Rule(
        400,
        "invalidSyntax",
        r"",
        "The request could not be read as SCIM.",
        "Azure AD itself does not send this: look for a proxy or a script between Azure AD and this server.",
    ),
    Rule(
        401,
        None,
        r"^The access token .* (revoked|expired)",
        "Somebody still uses a token that was {0}. If that is Azure AD, its Test Connection "
        "says “You appear to "
        "have entered invalid credentials”, and it goes into quarantine.",
        "Create a token below My Profile, Access Tokens, and paste it as Secret Token in "
        "Provisioning → Admin "
        "Credentials. Then press Test Connection.",
    ),
    Rule(
        401,
        None,
        r"",
        "Somebody asked without a token of this service. From an address you know it is a "
        "wrong Secret Token, or "
        "a proxy that takes the Authorization header away; from another it is somebody trying.",
        "If it is Azure AD, paste the Secret Token again in Provisioning → Admin Credentials "
        "and press Test "
        "Connection. Nothing was shown or changed.",
    ),
    Rule(
        403,
        None,
        r"may only read",
        "Azure AD uses a token that may only read.",
        "Create a token with the scope Scim below My Profile, Access Tokens, and paste it as "
        "Secret Token in "
        "Provisioning → Admin Credentials.",
    ),
    Rule(
        412,
        None,
        r"",
        "Somebody else changed it between reading and writing.",
        "Nothing: the next cycle reads it again.",
    ),
    Rule(
        413,
        None,
        r"",
        "The request is larger than 4 MiB.",
        f"In {MAPPING} leave out attributes that hold pictures or long texts.",
    ),
    Rule(
        500,
        None,
        r"",
        "promapp-lite made a mistake.",
        "Nothing in Azure AD: the log of promapp-lite tells more. Azure AD tries again by itself.",
    ),
)
OTHERWISE = Advice(
    "The request does not fit what this service can do.",
    "The answer above says what was wrong; Azure AD tries again with the next cycle.",
)


def advise(status: int, scim_type: str | None, detail: str | None) -> Advice:
    """The advice of the first rule that applies."""
    for rule in RULES:
        match = re.search(rule.detail, detail or "")
        if match and rule.status == status and rule.scim_type in (None, scim_type):
            return Advice(*(text.replace("{0}", caught(match)) for text in (rule.why, rule.todo)))
    return OTHERWISE


def caught(match: re.Match[str]) -> str:
    """What the pattern's first group caught."""
    return match[1] if match.re.groups else ""
