"""What can go wrong with a request, in the error codes of Azure's provisioning log."""

from typing import Any

INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
FILTERING = "SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering"
BAD_REQUEST = "SystemForCrossDomainIdentityManagementBadRequest"
REFUSED = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
UNAVAILABLE = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"
READ_ONLY = "InsufficientRights"

# HTTP status → error code
CODES = {
    400: BAD_REQUEST,
    401: "Unauthorized",
    403: READ_ONLY,
    404: "InvalidAnchor",
    405: "MethodNotAllowed",
    409: "EntryConflict",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
    500: "InternalServerError",
    501: "NotImplemented",
}
# Error codes that quarantine the job at once.
FATAL = {"Unauthorized", INCOMPATIBLE, FILTERING, REFUSED, UNAVAILABLE}

# error code → (what happened, recommended action)
EXPLANATIONS = {
    "Unauthorized": (
        "The endpoint no longer accepts the token.",
        "Create a new token with the scope Scim and enter it as Secret Token.",
    ),
    REFUSED: (
        "The endpoint does not accept the token.",
        "Check Secret Token: is it complete, has it expired, does a proxy in between drop the "
        "Authorization header?",
    ),
    UNAVAILABLE: (
        "The endpoint cannot be reached.",
        "Check that Tenant URL is right, that the application runs and can be reached from here, and "
        "that its certificate is valid and trusted.",
    ),
    INCOMPATIBLE: (
        "What answers at this URL is not a SCIM 2.0 endpoint that Entra can use.",
        "Check Tenant URL. If it is right, the application must follow RFC 7644: a search without a "
        "match is 200 with an empty list, every answer is JSON, every resource has an id.",
    ),
    FILTERING: (
        "The endpoint ignores the filter of a search.",
        'The application must apply filters of the form attribute eq "value".',
    ),
    BAD_REQUEST: (
        "The endpoint refused the request as malformed.",
        "The answer says what the application does not understand of what Entra sends.",
    ),
    READ_ONLY: ("The token may not do this.", "Use a token with the scope Scim."),
    "InvalidAnchor": (
        "The target has no object with this id.",
        "The object was deleted or has a new id: restart provisioning so that it is matched again.",
    ),
    "MethodNotAllowed": (
        "The endpoint does not support this method.",
        "The application must support PATCH and DELETE on users and groups.",
    ),
    "EntryConflict": (
        "The target already has an object with this name, but the search did not find it.",
        "Look for letter case, for inactive people that searches leave out, and for another attribute "
        "that must be unique.",
    ),
    "UnprocessableEntity": (
        "The endpoint refused a value.",
        "Change the attribute that the answer names.",
    ),
    "TooManyRequests": (
        "The endpoint limits the rate of requests.",
        "The application must take at least 25 requests a second.",
    ),
    "InternalServerError": (
        "The endpoint failed.",
        "Look into the application's log. Entra will try again.",
    ),
    "NotImplemented": (
        "The endpoint does not implement this.",
        "The application lacks something that Entra needs.",
    ),
    "WebExceptionProtocolError": (
        "No usable answer arrived.",
        "Look into the application's log, and at proxies and firewalls in between. Entra will try again.",
    ),
    "Timeout": (
        "The endpoint did not answer in time.",
        "The application is too slow. Entra will try again.",
    ),
    "DuplicateTargetEntries": (
        "Several objects of the target match.",
        "Remove the duplicates, or choose a matching attribute that is unique.",
    ),
    "DuplicateSourceEntries": (
        "Two objects of the source have the same matching value.",
        "Give each its own.",
    ),
    "ReferenceNotFound": (
        "A reference waits for an object that is not in the target yet.",
        "Nothing to do: the reference is sent once the object exists.",
    ),
    "MissingValues": (
        "The object has no value to be matched by.",
        "Give it a value for the matching attribute.",
    ),
    "NotEffectivelyEntitled": (
        "The object is not assigned to the application.",
        "Assign a role other than Default Access, or set the scope to all.",
    ),
    "EncounteredEscrowProportionThreshold": (
        "Too many objects fail.",
        "Remove the cause, then restart provisioning.",
    ),
}


class CannotStart(Exception):
    """The rehearsal must not begin or go on, and has changed nothing; the text says why."""


class ProvisioningError(Exception):
    """An object that could not be provisioned: code, reason and HTTP status, if there is one."""

    def __init__(self, code: str, reason: str, status: int | None = None, fatal: bool | None = None) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason, self.status = code, reason, status
        self.fatal = code in FATAL if fatal is None else fatal


def advice(code: str | None) -> str | None:
    """The recommended action for an error code; None where none is known."""
    found = EXPLANATIONS.get(code or "")
    return found[1] if found else None


def explanation(code: str | None, reason: str) -> str:
    """One line for people: what happened, the reason, what to do, and the code last."""
    said, todo = EXPLANATIONS.get(code or "", ("The object was not provisioned.", ""))
    return " ".join(part for part in (said, f"{reason.rstrip('.')}.", todo, f"({code})") if part)


def quote(status: int, body: Any, text: str) -> str:
    """Status and SCIM detail of an answer; without a detail the start of its text."""
    detail = body.get("detail") if isinstance(body, dict) else None
    scim_type = body.get("scimType") if isinstance(body, dict) else None
    said = str(detail or " ".join(text.split())[:300] or "no text")
    return f"HTTP {status}{f' {scim_type}' if scim_type else ''}: {said}"


def from_answer(operation: str, status: int, body: Any, text: str) -> ProvisioningError:
    """The error of an answer with an unexpected status."""
    code = CODES.get(status, "WebExceptionProtocolError")
    return ProvisioningError(code, f"{operation} was answered {quote(status, body, text)}", status)
