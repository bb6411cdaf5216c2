"""What happens when a request fails: a SCIM error for the API, a plain page for people, one activity row."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from promapp_lite import jsonio
from promapp_lite.api.authenticate import Api
from promapp_lite.api.responses import refusal
from promapp_lite.errors import ScimError
from promapp_lite.scim.schema import Kind
from promapp_lite.store.activity import journal
from promapp_lite.store.engine import DB_ERRORS

log = logging.getLogger("promapp_lite")
DETAILS = {
    400: "The request cannot be read.",
    404: "There is nothing at this address. The Tenant URL ends in /api/scim.",
    405: "This method is not allowed here.",
    413: "The body is larger than 4 MiB.",
    414: "The address is too long.",
    503: "The data cannot be written just now, the disk may be full; nothing was changed. Try again.",
}
PAGES = {
    400: "This form is too old, or the browser sent no cookie with it. Go back, reload the page, try again.",
    404: "There is nothing at this address.",
    429: "That was too often in a short time. Wait a minute, then try again.",
    500: "promapp-lite made a mistake; its log tells more.",
}


def init_app(app: Flask) -> None:
    """Answer every failure in the caller's own format."""
    app.register_error_handler(ScimError, answer)
    app.register_error_handler(HTTPException, from_http)
    for fault in DB_ERRORS:
        app.register_error_handler(fault, from_database)
    app.register_error_handler(Exception, from_bug)


def answer(error: ScimError) -> Response:
    """The error as the API answers it, kept as an activity row."""
    note(error)
    return refusal(error)


def from_http(error: HTTPException) -> Response:
    """A refusal by Flask or Werkzeug: unknown route, wrong method, body too large."""
    status = error.code or 500
    detail = DETAILS.get(status, HTTPStatus(status).phrase)
    if request.mount is None:
        return plain(status, PAGES.get(status, detail))
    found = answer(ScimError(status, None, detail))
    for name, value in error.get_headers():
        if name == "Allow":
            found.headers[name] = value
    return found


def from_database(error: Exception) -> Response:
    """The database cannot: a full disk, a damaged file. 503, as the same request can succeed later."""
    log.error("database: %s", first(error))
    if request.mount is None:
        return plain(503, DETAILS[503])
    return refusal(ScimError(503, None, DETAILS[503]))


def first(error: BaseException) -> BaseException:
    """The fault that began it: on a full disk SQLite undoes a transaction itself, and again it cannot."""
    while isinstance(error.__context__, DB_ERRORS):
        error = error.__context__
    return error


def from_bug(error: Exception) -> Response:
    """A fault of ours: logged with its traceback, told without it."""
    log.exception("unexpected %s", type(error).__name__)
    if request.mount is None:
        return plain(500, PAGES[500])
    return answer(ScimError(500, None, "promapp-lite made a mistake; its log tells more."))


def plain(status: int, detail: str) -> Response:
    """A page for people that says what went wrong and nothing else."""
    text = render_template("error.html", status=status, detail=detail)
    return Response(text, status, content_type="text/html; charset=utf-8")


def note(error: ScimError) -> None:
    """Keep the failure of a request that got past the gate."""
    api = g.get("api")
    if api is not None and error.status != 401:
        keep(api, error, subject())


def keep(api: Api, error: ScimError, facts: dict[str, object]) -> None:
    """Keep a failure; where even that cannot be written, the answer still goes out."""
    facts = {"scim_type": error.scim_type, "detail": error.detail, **facts}
    try:
        with api.store.write():
            journal.record(api.store, api.caller, "fail", error.status, **facts)
    except DB_ERRORS as fault:
        log.error("database: %s", first(fault))


def subject() -> dict[str, object]:
    """What the failed request was about, as far as it can be told."""
    arguments = request.view_args or {}
    sent = sent_text()
    try:
        parsed = jsonio.loads(sent.encode()) if sent else None
    except ValueError:
        shown = "(not JSON)" if "password" in sent.lower() else sent[: journal.MAX_REQUEST]
        return about(arguments.get("kind"), arguments.get("id"), None) | {"request": shown}
    return about(arguments.get("kind"), arguments.get("id"), parsed)


def about(kind: Kind | None, id: str | None, sent: Any) -> dict[str, object]:
    """How the activity names what a failed write was about: type, id, name and what was sent."""
    return {
        "resource_type": kind.name if kind else None,
        "resource_id": id,
        "name": name_in(sent),
        "request": jsonio.dumps(without_passwords(sent))[: journal.MAX_REQUEST] if sent else None,
    }


def without_passwords(value: Any) -> Any:
    """The body with every password in it replaced, also one that a PATCH path names."""
    if isinstance(value, list):
        return [without_passwords(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = any(key.lower() == "path" and "password" in str(item).lower() for key, item in value.items())
    return {
        key: "…"
        if "password" in key.lower() or (named and key.lower() == "value")
        else without_passwords(item)
        for key, item in value.items()
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
