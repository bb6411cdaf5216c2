"""What happens when a request of the API fails: a SCIM error, and one activity row."""

import logging
from typing import Any

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from promapp_lite import jsonio
from promapp_lite.api.call import Api
from promapp_lite.api.responses import refusal
from promapp_lite.errors import ScimError
from promapp_lite.ops.logs import first_fault
from promapp_lite.scim import passwords
from promapp_lite.scim.body import read_json
from promapp_lite.scim.refusals import BY_STATUS, refuse
from promapp_lite.scim.resource_types import ResourceType
from promapp_lite.store.activity import journal
from promapp_lite.store.engine import DB_ERRORS, CommitUncertain

log = logging.getLogger("promapp_lite")


def answer(error: ScimError) -> Response:
    """The error as the API answers it, kept as an activity row."""
    note(error)
    return refusal(error)


def from_http(error: HTTPException) -> Response:
    """A refusal by Flask or Werkzeug: unknown route, wrong method, body too large."""
    status = error.code or 500
    found = answer(refuse(BY_STATUS.get(status, "unreadable_request")))
    for name, value in error.get_headers():
        if name == "Allow":
            found.headers[name] = value
    return found


def from_database(error: Exception) -> Response:
    """The database cannot: a full disk, a damaged file. 503, as the same request can succeed later."""
    log.error("database: %s", first_fault(error))
    uncertain = isinstance(error, CommitUncertain)
    return refusal(refuse("database_uncertain" if uncertain else "database_unavailable"))


def from_bug(error: Exception) -> Response:
    """A bug: the traceback goes to the log, not into the response."""
    log.exception("unexpected %s", type(error).__name__)
    return answer(refuse("internal_error"))


def note(error: ScimError) -> None:
    """Keep the failure of a request that was authenticated."""
    api = g.get("api")
    if api is not None and error.status != 401:
        keep(api, error, subject())


def keep(api: Api, error: ScimError, facts: dict[str, object]) -> None:
    """Keep a failure; where even that cannot be written, the answer still goes out."""
    try:
        with api.store.write():
            journal.fail(api.store, api.caller, error, **facts)
    except DB_ERRORS as fault:
        log.error("database: %s", first_fault(fault))


def subject() -> dict[str, object]:
    """What the failed request was about, as far as that is known."""
    arguments = request.view_args or {}
    sent = sent_text()
    try:
        parsed = read_json(sent.encode()) if sent else None
    except ScimError:
        shown = f"(no JSON, {len(sent):,} characters)"  # a password could be anywhere in it
        return about(arguments.get("kind"), arguments.get("id"), None) | {"request": shown}
    return about(arguments.get("kind"), arguments.get("id"), parsed)


def about(kind: ResourceType | None, id: str | None, sent: Any) -> dict[str, object]:
    """How the activity names what a failed write was about: type, id, name and what was sent."""
    return {
        "resource_type": kind.name if kind else None,
        "resource_id": id,
        "name": name_in(sent),
        "request": jsonio.dumps(passwords.masked(sent, True))[: journal.MAX_REQUEST] if sent else None,
    }


def sent_text() -> str:
    """The request's body as text, where it can be had."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return ""
    try:
        return request.get_data().decode("utf-8", "replace")
    except HTTPException:
        return ""


def name_in(sent: Any) -> str | None:
    """The userName or displayName in a body."""
    if not isinstance(sent, dict):
        return None
    names = {key.lower(): value for key, value in sent.items() if isinstance(value, str)}
    return names.get("username") or names.get("displayname")
