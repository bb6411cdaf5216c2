"""What can go wrong with a request, in the words of Azure's provisioning log."""

from typing import Any

INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
FILTERING = "SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering"
BAD_REQUEST = "SystemForCrossDomainIdentityManagementBadRequest"
REFUSED = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
UNAVAILABLE = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"

# HTTP status → error code of the log
CODES = {
    400: BAD_REQUEST,
    401: "Unauthorized",
    403: "InsufficientRights",
    404: "InvalidAnchor",
    405: "MethodNotAllowed",
    409: "EntryConflict",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
    500: "InternalServerError",
    501: "NotImplemented",
}
# Error codes after which the service goes into quarantine at once.
FATAL = {"Unauthorized", INCOMPATIBLE, FILTERING, REFUSED, UNAVAILABLE}

ADVICE = {
    "Unauthorized": "Make a new Scim token in the application and put it into Secret Token.",
    REFUSED: "Check Secret Token: is it complete, not expired, and does a proxy in between pass "
    "the Authorization header on?",
    UNAVAILABLE: "Check that Tenant URL is right and that the application runs and can be reached "
    "under it, with a certificate that is trusted.",
    INCOMPATIBLE: "The application has to answer as RFC 7644 says: a search without a match is "
    "200 with an empty list, everything is JSON, every resource has an id. Is Tenant URL right?",
    FILTERING: 'The application has to apply the filter attribute eq "value".',
    BAD_REQUEST: "Read the answer: the application does not understand what Entra sends.",
    "InsufficientRights": "The token may not do this; use one with the scope Scim.",
    "InvalidAnchor": "The object is gone from the target or has another id there: restart "
    "provisioning so that it is matched anew.",
    "MethodNotAllowed": "The application has to support PATCH and DELETE on users and groups.",
    "EntryConflict": "An object with this name is there but was not found by the matching "
    "attribute: look for letter case, for hidden inactive people, and for "
    "another attribute that must be unique.",
    "UnprocessableEntity": "Read the answer and change the attribute it names.",
    "TooManyRequests": "The application has to take at least 25 requests a second.",
    "InternalServerError": "Look into the application's log; it is tried again.",
    "NotImplemented": "The application lacks what Entra needs.",
    "WebExceptionProtocolError": "Look into the application's log and at what stands in between "
    "(proxy, firewall); it is tried again.",
    "Timeout": "The application answers too slowly; it is tried again.",
    "DuplicateTargetEntries": "Several objects of the target match: remove the double ones or "
    "choose a matching attribute that is unique.",
    "DuplicateSourceEntries": "Two objects of the source have the same matching value; give each its own.",
    "ReferenceNotFound": "Nothing to do: the reference follows when the object it names is there.",
    "MissingValues": "Give the object a value for the matching attribute.",
    "NotEffectivelyEntitled": "Assign the person with a role other than Default Access, or set "
    "the scope to all.",
    "EncounteredEscrowProportionThreshold": "Too many objects fail: mend the cause, then restart.",
}


class Fault(Exception):
    """An object that could not be provisioned: code, reason and HTTP status, if there is one."""

    def __init__(self, code: str, reason: str, status: int | None = None, fatal: bool | None = None) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason, self.status = code, reason, status
        self.fatal = code in FATAL if fatal is None else fatal

    @property
    def advice(self) -> str:
        """The recommended action."""
        return ADVICE.get(self.code, ADVICE["WebExceptionProtocolError"])


def explain(status: int, body: Any, text: str) -> str:
    """What an answer says about itself: SCIM's detail, else the start of its text."""
    detail = body.get("detail") if isinstance(body, dict) else None
    scim_type = body.get("scimType") if isinstance(body, dict) else None
    said = str(detail or " ".join(text.split())[:300] or "no text")
    return f"HTTP {status}{f' {scim_type}' if scim_type else ''}: {said}"


def fault_of(operation: str, status: int, body: Any, text: str) -> Fault:
    """The fault an unwelcome answer is."""
    code = CODES.get(status, "WebExceptionProtocolError")
    return Fault(code, f"{operation} was answered {explain(status, body, text)}", status)
