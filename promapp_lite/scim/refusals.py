"""Everything that the SCIM API refuses, as one table by code: the answer, and the advice that goes with it.

`{name}` in a text is one of the values given where it is raised. The caller reads `detail`, the activity
keeps code and values, and the console shows `why` and `change` of the same row: what lies behind the
refusal, and what to change in the Azure portal.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from promapp_lite.errors import ScimError
from promapp_lite.scim import limits

LONGEST = 200  # characters of a value that are shown and kept


class Refusal(NamedTuple):
    """One row: HTTP status, scimType (RFC 7644 table 9, RFC 9865 §2.1, or None), and the texts."""

    status: int
    scim_type: str | None
    detail: str
    why: str
    change: str


class Advice(NamedTuple):
    """What lies behind a refusal, and what to change."""

    why: str
    change: str


MAPPING = "Provisioning → Attribute mapping"
LIST = "Show advanced options → Edit attribute list"
TRY = "then try it with Provision on demand"
RENEW = (
    "Create a token under My Profile, Access Tokens, and paste it as Secret Token under Provisioning in "
    "Azure. Then choose Test Connection."
)
FILTER = "The filter cannot be read:"
SHOWN = "The filter is: {filter}"

# Advice that several rows share: (why, change).
FOREIGN = (
    "The request does not follow the SCIM protocol. Azure AD itself does not send this.",
    "Nothing in Azure AD: look for a proxy or a script between Azure AD and this server, and fix it.",
)
READER = (
    "A program that reads this directory asked in a way that cannot be answered. Azure AD does not send "
    "this.",
    "Nothing in Azure AD: correct the request of that program as the answer says.",
)
SEARCH = (
    "Azure AD looks people up by the matching attribute, and the filter it made of it cannot be answered.",
    f'In {MAPPING} match on userName, externalId or emails[type eq "work"].value.',
)
TARGET = (
    "The name of a target attribute in the mapping cannot be read as a SCIM path.",
    f"In {MAPPING} delete that line, or correct the target attribute's name under {LIST}. A name looks like "
    'emails[type eq "work"].value or '
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department.",
)
SCHEMA = (
    "A target attribute of the mapping names a whole schema, not an attribute in it.",
    f"In {MAPPING} delete that line, or correct the target attribute's name under {LIST}: behind the URN of "
    "the schema stand a colon and the attribute's name.",
)
MEMBERS = (
    "A change of a group names its members by something other than their ids.",
    f"In {MAPPING} of groups let members be mapped from members, as Azure AD has it by default.",
)
BIG = (
    "The request holds more than this service accepts.",
    "Usually a group or an attribute with very many values: assign a smaller group, or split it.",
)
TYPE = (
    "The value for {attribute} has the wrong type.",
    f"In {MAPPING} check the source attribute or expression of {{attribute}}; under {LIST} its type must be "
    "the one that the answer names.",
)
SINGLE = (
    "{attribute} holds one value, and several were sent.",
    f"In {MAPPING} map {{attribute}} from a source attribute with one value, or with an expression such as "
    "Item([source attribute], 1).",
)
LONG = (
    "A value is longer than this service keeps; often a picture or a certificate.",
    f"In {MAPPING} shorten it with the expression Mid([source attribute], 1, 255), or delete that line.",
)
KEPT_PLAIN = (
    "The mapping writes into {holder} as if it had parts, but a plain value was written to it before.",
    f"In {MAPPING} keep either the line that writes {{holder}} itself or those that write its parts, {TRY}.",
)
BULK = (
    "A bulk request names its operations in a way that cannot be read. Azure AD does not send bulk requests.",
    "Nothing in Azure AD: correct the program that sends the bulk request.",
)
PROBING = (
    "If you know the address, it is a program with a wrong Secret Token; if not, someone is guessing tokens."
)

REFUSALS = {
    # Who may ask
    "unauthorized": Refusal(
        401,
        None,
        "The Secret Token is missing, wrong, expired or revoked. Create a Scim access token in the "
        "promapp-lite console and paste it as Secret Token.",
        "The request had no access token that is valid now.",
        RENEW,
    ),
    "token_missing": Refusal(
        401,
        None,
        "The request carried no Secret Token.",
        "A request came without a token of this service. From an address you know it is a program without a "
        "Secret Token, or a proxy that removes the Authorization header; from another it is a probe. "
        "Nothing was shown or changed.",
        "If it is Azure AD, paste the Secret Token again under Provisioning in Azure and choose Test "
        "Connection. If there is a proxy in front, make it pass the Authorization header on.",
    ),
    "token_unknown": Refusal(
        401,
        None,
        "The Secret Token was not created here.",
        f"{PROBING} Nothing was shown or changed.",
        "If it is Azure AD, paste the Secret Token again under Provisioning in Azure and choose Test "
        "Connection.",
    ),
    "token_revoked": Refusal(
        401,
        None,
        "The access token “{description}” ({hint}…) was revoked on {day}.",
        "A revoked token is still in use. If it is Azure AD that uses it, its Test Connection says “You "
        "appear to have entered invalid credentials”, and it goes into quarantine.",
        RENEW,
    ),
    "token_expired": Refusal(
        401,
        None,
        "The access token “{description}” ({hint}…) expired on {day}.",
        "An expired token is still in use. If it is Azure AD that uses it, its Test Connection says “You "
        "appear to have entered invalid credentials”, and it goes into quarantine.",
        RENEW,
    ),
    "token_owner_disabled": Refusal(
        401,
        None,
        "The access token “{description}” ({hint}…) belongs to an admin who is no longer active.",
        "A token ends with the admin it belongs to.",
        RENEW,
    ),
    "read_only_token": Refusal(
        403,
        None,
        "This access token is read-only (scope scim:read); provisioning needs one with the scope Scim.",
        "Azure AD uses a read-only token.",
        "Create a token with the scope Scim under My Profile, Access Tokens, and paste it as Secret Token "
        "under Provisioning in Azure.",
    ),
    # HTTP: what Flask, Werkzeug and Waitress refuse
    "unreadable_request": Refusal(400, None, "The request cannot be read.", *FOREIGN),
    "malformed_http": Refusal(400, None, "The HTTP request is malformed: {problem}.", *FOREIGN),
    "unknown_address": Refusal(
        404,
        None,
        "No such address. The Tenant URL ends in /api/scim.",
        "The address is not part of the SCIM service.",
        "Copy the Tenant URL from the top of this page to Provisioning in Azure; it ends in /api/scim.",
    ),
    "wrong_method": Refusal(405, None, "Method not allowed.", *FOREIGN),
    "body_too_large": Refusal(
        413,
        None,
        f"The body is larger than {limits.BODY // limits.MIB} MiB.",
        "One request is larger than this service accepts.",
        f"In {MAPPING} leave out attributes that hold pictures or long texts.",
    ),
    "exists_already": Refusal(
        412, None, "If-None-Match names the version that is here, so nothing was changed.", *READER
    ),
    "other_type": Refusal(
        415, None, "The body must be JSON (application/scim+json); its Content-Type is {kind}.", *FOREIGN
    ),
    "encoded_body": Refusal(
        415, None, "The body must be sent as it is; its Content-Encoding is {coding}.", *FOREIGN
    ),
    "address_too_long": Refusal(414, None, "The URL is too long.", *SEARCH),
    "headers_too_large": Refusal(
        431,
        None,
        f"The header block is larger than {limits.HEADERS // limits.KIB} KiB.",
        "Something between Azure AD and this server adds very large headers, such as cookies.",
        "Nothing in Azure AD: check the proxy in front of this server.",
    ),
    "unsupported_coding": Refusal(501, None, "The Transfer-Encoding is not supported: {problem}.", *FOREIGN),
    "database_unavailable": Refusal(
        503,
        None,
        "The database cannot be written, perhaps because the disk is full. Nothing was changed. Try again.",
        "The database could not be written: the disk may be full, or the file may be damaged.",
        "Nothing in Azure AD, which tries again by itself: run promapp-lite doctor on the server.",
    ),
    "database_uncertain": Refusal(
        503,
        None,
        "The disk failed while this was written. It may or may not be saved: send it again.",
        "The disk failed while the change was written: after a restart it is there as a whole, or not.",
        "Nothing in Azure AD, which sends it again: check the disk, and run promapp-lite doctor.",
    ),
    "internal_error": Refusal(
        500,
        None,
        "Internal error. See the log of promapp-lite.",
        "This is a bug in promapp-lite.",
        "Nothing in Azure AD, which tries again by itself: see the log of promapp-lite.",
    ),
    # The body
    "not_json": Refusal(400, "invalidSyntax", "The body is not valid JSON: {problem}.", *FOREIGN),
    "number_too_large": Refusal(
        400,
        "invalidSyntax",
        "The number {number} is too large to be kept exactly; send it as a string.",
        "A number has more digits than can be kept exactly.",
        f"In {MAPPING} the type of that attribute must be String under {LIST}.",
    ),
    "nested_too_deep": Refusal(
        400, "invalidSyntax", "The body is nested deeper than {most} levels.", *FOREIGN
    ),
    "string_too_long": Refusal(
        400, "invalidSyntax", "A string of {sent:,} characters is over the limit of {most:,}.", *LONG
    ),
    "nul_character": Refusal(
        400,
        "invalidSyntax",
        "A string contains a NUL character (\\u0000), which cannot be stored.",
        "A value in Microsoft Entra ID holds a character that cannot be stored.",
        f"Correct the value in Microsoft Entra ID, or remove the line from {MAPPING}.",
    ),
    "too_many_marks": Refusal(
        400,
        "invalidValue",
        "A string has more than {most} combining marks in a row.",
        "A value in Microsoft Entra ID holds text that no reader can read.",
        f"Correct the value in Microsoft Entra ID, or remove the line from {MAPPING}.",
    ),
    "too_many_keys": Refusal(400, "tooMany", "An object takes at most {most:,} keys.", *BIG),
    "not_an_object": Refusal(
        400, "invalidSyntax", "The body must be a JSON object, and so must each operation in it.", *FOREIGN
    ),
    "schemas_not_urns": Refusal(400, "invalidSyntax", "schemas must be a list of URNs.", *FOREIGN),
    "sent_twice": Refusal(
        400,
        "invalidSyntax",
        "{path} was sent twice in one object.",
        "Two lines of the mapping write the same target attribute.",
        f"In {MAPPING} delete one of the lines whose target attribute is {{path}}.",
    ),
    # Values
    "required": Refusal(
        400,
        "invalidValue",
        "{attribute} is required and was empty or missing.",
        "{attribute} is empty for this object, and it is required.",
        f"In {MAPPING} check the source attribute of {{attribute}}. Where it can be empty use the mapping "
        "type Expression, such as Coalesce([mail], [userPrincipalName]), or a default value.",
    ),
    "not_string": Refusal(400, "invalidValue", "{attribute} must be a string; got {value}.", *TYPE),
    "not_object": Refusal(
        400,
        "invalidValue",
        "{attribute} must be an object; got {value}.",
        "{attribute} has parts, and a plain value was sent for it as a whole.",
        f"In {MAPPING} map the parts of {{attribute}}, such as name.givenName or "
        'addresses[type eq "work"].locality, and not {attribute} itself.',
    ),
    "not_boolean": Refusal(
        400,
        "invalidValue",
        "{attribute} must be true or false; got {value}.",
        "{attribute} must be True or False, and another value was sent.",
        f"In {MAPPING} map {{attribute}} with an expression; active with "
        'Switch([IsSoftDeleted], , "False", "True", "True", "False").',
    ),
    "not_datetime": Refusal(
        400,
        "invalidValue",
        "{attribute} must be a date and time such as 2026-11-23T08:15:00Z; got {value}.",
        "{attribute} must be a date and time, and another value was sent.",
        f"In {MAPPING} map {{attribute}} with the expression FormatDateTime([source attribute], , "
        '"yyyyMMddHHmmss.fZ", "yyyy-MM-ddTHH:mm:ssZ").',
    ),
    "one_value": Refusal(400, "invalidValue", "{attribute} takes one value; got {sent:,}.", *SINGLE),
    "too_many_values": Refusal(
        400, "tooMany", "{attribute} takes at most {most:,} values; got {sent:,}.", *BIG
    ),
    "two_primaries": Refusal(
        400,
        "invalidValue",
        "{attribute} has more than one value with primary true.",
        "Two values of {attribute} are marked as the primary one.",
        f"In {MAPPING} keep the mapping of {{attribute}} with primary for one type only.",
    ),
    "too_long": Refusal(
        400,
        "invalidValue",
        "{attribute} takes at most {most:,} characters; got {sent:,}.",
        "The value for {attribute} is too long.",
        f"In {MAPPING} shorten it with the expression Mid([source attribute], 1, {{most}}), or map another "
        "source attribute to {attribute}.",
    ),
    "spaces_around": Refusal(
        400,
        "invalidValue",
        "{attribute} must not begin or end with a space, nor hold control characters.",
        "The {attribute} has spaces before or after it, or invisible characters.",
        f"In {MAPPING} map {{attribute}} with the expression StripSpaces([userPrincipalName]), or correct "
        "the value in Microsoft Entra ID.",
    ),
    "wrong_member": Refusal(
        400,
        "invalidValue",
        "A member needs a value: the id of a user or group, 1 to {most} letters, digits or . _ ~ @ : + -, "
        "without blanks.",
        *MEMBERS,
    ),
    "document_too_large": Refusal(400, "invalidValue", "The {kind} would be larger than {most} MiB.", *LONG),
    # PATCH
    "no_operations": Refusal(
        400,
        "invalidSyntax",
        "A {request} body needs a list of operations named Operations.",
        *FOREIGN,
    ),
    "too_many_operations": Refusal(
        400, "tooMany", "A PATCH takes at most {most:,} operations; got {sent:,}.", *BIG
    ),
    "wrong_op": Refusal(400, "invalidSyntax", "op must be add, replace or remove; got {op!r}.", *FOREIGN),
    "no_path": Refusal(400, "noTarget", "A remove operation needs a path.", *FOREIGN),
    "path_not_string": Refusal(400, "invalidPath", "path must be a string.", *FOREIGN),
    "no_value": Refusal(400, "invalidValue", "The {op} operation on {path} has no value.", *FOREIGN),
    "read_only": Refusal(
        400,
        "mutability",
        "{path} is read-only: this service maintains it.",
        "{path} is maintained by this service; clients cannot write it.",
        f"In {MAPPING} delete the line whose target attribute is {{path}}.",
    ),
    "required_removed": Refusal(
        400,
        "mutability",
        "{attribute} is required and cannot be removed; replace it with another value.",
        "The mapping sent a removal of {attribute}, which everyone has to have here.",
        f"In {MAPPING} check the source attribute of {{attribute}}: it is empty for this object.",
    ),
    "extension_not_object": Refusal(
        400, "invalidValue", "{urn} must be an object with the attributes of that extension.", *SCHEMA
    ),
    "value_not_object": Refusal(
        400, "invalidValue", "A {op} operation without a path needs an object as its value.", *FOREIGN
    ),
    "no_match": Refusal(
        400,
        "noTarget",
        "No value of {attribute} matches the filter of the path.",
        "The change names a value that does not exist, and its filter does not say which value to add.",
        f"In {MAPPING} check the part in [ ] of the target attribute; it must use eq, {TRY}.",
    ),
    "too_many_comparisons": Refusal(
        400, "tooMany", "These operations compare too many values: send them in several requests.", *BIG
    ),
    # Attribute paths
    "path_names_schema": Refusal(
        400, "invalidPath", "The path {path!r} names a schema, not an attribute.", *SCHEMA
    ),
    "not_attribute_path": Refusal(
        400, "invalidPath", "The path {path!r} is not an attribute path (RFC 7644 §3.10).", *TARGET
    ),
    "unreadable_path": Refusal(
        400, "invalidPath", "The path {path!r} cannot be read (RFC 7644 §3.5.2).", *TARGET
    ),
    "no_sub_attributes": Refusal(
        400, "invalidPath", "{attribute} has no sub-attributes, so no {name}.", *TARGET
    ),
    "no_sub_attribute": Refusal(
        400, "invalidPath", "{name!r} is not a sub-attribute of {attribute}.", *TARGET
    ),
    "no_list_of_values": Refusal(
        400, "invalidPath", "{path} has no list of values to choose from with [ ].", *TARGET
    ),
    "holds_plain_value": Refusal(
        400, "invalidPath", "{path} cannot be written: {holder} holds a plain value.", *KEPT_PLAIN
    ),
    "no_order": Refusal(400, "invalidPath", "Resources cannot be sorted by {path}.", *READER),
    "member_path": Refusal(
        400, "invalidPath", "Of the sub-attributes of members a path may name only value.", *MEMBERS
    ),
    "member_filter": Refusal(
        400, "invalidPath", "A filter over members may use value, type and display only.", *MEMBERS
    ),
    "immutable_member": Refusal(
        400,
        "mutability",
        "The value of a member cannot be changed: remove the member and add another.",
        *MEMBERS,
    ),
    "member_without_id": Refusal(400, "noTarget", "Members are added by id, not by a filter.", *MEMBERS),
    "too_many_members": Refusal(
        400, "tooMany", "A request takes at most {most:,} members; got {sent:,}.", *BIG
    ),
    "too_many_member_filters": Refusal(
        400, "tooMany", "At most {most} filters over members fit in one PATCH; name them by id.", *MEMBERS
    ),
    # Resources
    "taken_name": Refusal(
        409,
        "uniqueness",
        "Another {kind} already has the {attribute} {value!r} (letter case does not count). Match on "
        "it in the attribute mapping, or change it on one side.",
        "A {kind} with this {attribute} already exists, and Azure AD did not find it first: it looked by "
        "another attribute, or two of them carry the same value in Microsoft Entra ID.",
        f"In {MAPPING} of {{kind}}s give {{attribute}} “Match objects using this attribute: Yes” with "
        "matching precedence 1. If two really share the value, change it on one of them.",
    ),
    "not_found": Refusal(
        404,
        None,
        "{kind} {id} does not exist: it was deleted or never created.",
        "Azure AD remembers an id that no longer exists: it was deleted here, or this is not the data that "
        "Azure AD provisioned into.",
        "Restore it here under People and groups, Deleted. Or choose Provisioning → Restart provisioning, so "
        "that Azure AD looks for every user again.",
    ),
    "changed_meanwhile": Refusal(
        412,
        None,
        "The resource has changed: it is at version {version} now.",
        "Another client changed it between reading and writing.",
        "Nothing: the next cycle reads it again.",
    ),
    "search_too_slow": Refusal(
        400,
        "tooMany",
        "The search exceeded {seconds} s; filter by userName, externalId, e-mail address or id.",
        "Too many resources had to be read one by one to find this.",
        SEARCH[1],
    ),
    "wrong_cursor": Refusal(
        400,
        "invalidCursor",
        "The cursor was not issued by this service; start again with an empty one.",
        *READER,
    ),
    "cursor_over_both": Refusal(
        400, "invalidCursor", "A cursor pages through users or through groups, not through both.", *READER
    ),
    "wrong_sort_order": Refusal(
        400, "invalidValue", "sortOrder must be ascending or descending; got {value!r}.", *READER
    ),
    "wrong_number": Refusal(400, "invalidValue", "{name} must be a whole number; got {value!r}.", *READER),
    "no_discovery_filter": Refusal(
        403, None, "Schemas, resource types and the configuration cannot be filtered.", *READER
    ),
    "unknown_schema": Refusal(404, None, "{id} is unknown.", *READER),
    "no_me": Refusal(501, None, "An access token belongs to no user here, so there is no Me.", *READER),
    "too_many_names": Refusal(
        400, "tooMany", "A request names at most {most} attributes; got {sent:,}.", *READER
    ),
    # Filters
    "filter_too_long": Refusal(
        400, "invalidFilter", "The filter has {sent:,} characters; {most:,} is the limit.", *SEARCH
    ),
    "filter_too_deep": Refusal(
        400, "invalidFilter", "The filter is nested deeper than {most} levels.", *SEARCH
    ),
    "filter_too_many_terms": Refusal(400, "tooMany", "The filter has more than {most} terms.", *SEARCH),
    "filter_path": Refusal(400, "invalidFilter", "{problem}", *SEARCH),
    "filter_sub_attribute": Refusal(
        400, "invalidFilter", "{name!r} is not a sub-attribute of {attribute}.", *SEARCH
    ),
    "filter_text": Refusal(400, "invalidFilter", "The filter cannot be read from {text!r} on.", *SEARCH),
    "filter_unexpected": Refusal(
        400, "invalidFilter", f"{FILTER} {{token!r}} was not expected. {SHOWN}", *SEARCH
    ),
    "filter_missing": Refusal(400, "invalidFilter", f"{FILTER} {{token!r}} is missing. {SHOWN}", *SEARCH),
    "filter_expected": Refusal(400, "invalidFilter", f"{FILTER} {{what}} was expected. {SHOWN}", *SEARCH),
    "filter_no_value": Refusal(
        400, "invalidFilter", f"{FILTER} a value is missing {{where}}. {SHOWN}", *SEARCH
    ),
    "filter_operator": Refusal(
        400,
        "invalidFilter",
        f"{FILTER} {{operator!r}} is not an operator. {SHOWN}",
        *SEARCH,
    ),
    "filter_string": Refusal(
        400,
        "invalidFilter",
        f"{FILTER} {{text}} is not a valid string. {SHOWN}",
        *SEARCH,
    ),
    "filter_names_schema": Refusal(400, "invalidFilter", "{path} names a schema, not an attribute.", *SEARCH),
    "filter_value_path": Refusal(
        400,
        "invalidFilter",
        f"{FILTER} {{path}}[ ] is not a value path. {SHOWN}",
        *SEARCH,
    ),
    "filter_complex": Refusal(
        400, "invalidFilter", "{path} has sub-attributes: compare one of them, such as its {sub}.", *SEARCH
    ),
    "filter_null": Refusal(400, "invalidFilter", "{operator} null has no meaning.", *SEARCH),
    "filter_not_text": Refusal(
        400, "invalidFilter", "{operator} compares strings; {path} is compared with {operand}.", *SEARCH
    ),
    "filter_no_order": Refusal(
        400, "invalidFilter", "The values of {path} have no order: use eq or ne.", *SEARCH
    ),
    "filter_not_boolean": Refusal(
        400, "invalidFilter", "{attribute} is true or false; it is compared with {operand}.", *SEARCH
    ),
    "filter_not_datetime": Refusal(
        400, "invalidFilter", "{attribute} is a date and time; it is compared with {operand}.", *SEARCH
    ),
    "filter_never_returned": Refusal(
        400, "invalidFilter", "{path} is never returned, so nothing can be found by it.", *SEARCH
    ),
    # Bulk
    "too_many_bulk_operations": Refusal(
        413, None, "A bulk request takes at most {most:,} operations; got {sent:,}.", *BULK
    ),
    "too_many_bulk_patches": Refusal(
        413, None, "The PATCHes of a bulk request take at most {most:,} operations together.", *BULK
    ),
    "wrong_fail_on_errors": Refusal(
        400, "invalidValue", "failOnErrors must be a whole number from 1.", *BULK
    ),
    "wrong_bulk_method": Refusal(
        400, "invalidSyntax", "The method of a bulk operation must be one of {methods}.", *BULK
    ),
    "no_bulk_id": Refusal(400, "invalidSyntax", "A POST in a bulk request needs a bulkId.", *BULK),
    "wrong_bulk_path": Refusal(
        400,
        "invalidPath",
        "The path of a bulk operation is /Users or /Groups for POST, else /Users/{{id}} or /Groups/{{id}}.",
        *BULK,
    ),
    "unknown_bulk_id": Refusal(
        409,
        "invalidValue",
        "{reference} was not created before this operation.",
        "An operation of a bulk request refers to one that was not carried out.",
        "Nothing in the attribute mapping: the first failure of the same request has the cause.",
    ),
}

BY_STATUS = {  # what Werkzeug raises by itself
    400: "unreadable_request",
    404: "unknown_address",
    405: "wrong_method",
    413: "body_too_large",
    414: "address_too_long",
}
HTTP = {  # what Waitress refuses by itself
    400: "malformed_http",
    413: "body_too_large",
    431: "headers_too_large",
    501: "unsupported_coding",
}
UNKNOWN = Advice(
    "The request does not fit what this service can do.",
    "The answer above says what was wrong; Azure AD tries again with the next cycle.",
)


def refuse(code: str, /, **values: Any) -> ScimError:
    """The error of a row, its texts filled in with these values: `raise refuse("no_path")`."""
    row = REFUSALS[code]
    shown, left = {}, LONGEST
    for name, value in values.items():
        shown[name] = shortened(value, left)
        left -= length(shown[name])
    return ScimError(row.status, row.scim_type, row.detail.format(**shown), code, shown)


def shortened(value: Any, most: int) -> Any:
    """A value that may be shown, however long what somebody sent was, also where it is quoted."""
    if not isinstance(value, str) or length(value) <= most:
        return value
    kept = value[: max(0, most - 1)]
    while kept and length(kept) >= most:
        kept = kept[: -max(1, (length(kept) - most) // 10)]
    return f"{kept}…"


def length(value: Any) -> int:
    """How many characters a value takes in a text, at most: quoted, a control character is four."""
    return len(repr(value)) - 2 if isinstance(value, str) else 0


def advice(code: str, values: Mapping[str, Any]) -> Advice:
    """Why, and what to change; also for a row of the activity that another version of this program wrote."""
    try:
        row = REFUSALS[code]
        return Advice(row.why.format(**values), row.change.format(**values))
    except KeyError:
        return UNKNOWN
