"""What people see when a request fails outside the API: a page that says what went wrong, nothing else."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, render_template
from werkzeug.exceptions import HTTPException

from promapp_lite.console.headers import with_headers
from promapp_lite.ops.logs import first_fault

log = logging.getLogger("promapp_lite")
TEXTS = {
    400: "This form is too old, or the browser sent no cookie with it. Go back, reload the page, try again.",
    404: "There is nothing at this address.",
    405: "This method is not allowed here.",
    413: "The body is larger than 4 MiB.",
    414: "The address is too long.",
    429: "Too many attempts. Wait a minute, then try again.",
    500: "Internal error. See the promapp-lite log.",
    503: "The data cannot be written just now, the disk may be full; nothing was changed. Try again.",
}


def page(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The page of an HTTP status. It has the headers already, as no blueprint answers an unknown path."""
    detail = TEXTS.get(status) or HTTPStatus(status).phrase
    text = render_template("error.html", status=status, detail=detail)
    return with_headers(Response(text, status, headers, content_type="text/html; charset=utf-8"))


def from_http(error: HTTPException) -> Response:
    """Flask's or Werkzeug's refusal: unknown path, wrong method, no CSRF token, body too large."""
    return page(error.code or 500)


def from_database(error: Exception) -> Response:
    """The database cannot: a full disk, a damaged file."""
    log.error("database: %s", first_fault(error))
    return page(503)


def from_bug(error: Exception) -> Response:
    """A fault of ours: logged with its traceback, told without it."""
    log.exception("unexpected %s", type(error).__name__)
    return page(500)
