"""The page for a request that fails outside the API: what went wrong, and nothing else."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, render_template
from werkzeug.exceptions import HTTPException

from promapp_lite.console.headers import with_headers
from promapp_lite.ops.logs import first_fault

log = logging.getLogger("promapp_lite")
TEXTS = {
    400: "This form has expired, or the browser sent no cookie. Go back, reload the page and try again.",
    404: "Page not found.",
    405: "Method not allowed.",
    413: "The request body is larger than 4 MiB.",
    414: "The URL is too long.",
    429: "Too many attempts. Wait a minute, then try again.",
    500: "Internal error. See the promapp-lite log.",
    503: "The database cannot be written, perhaps because the disk is full. Nothing was changed. Try again.",
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
    """A database error: a full disk, a damaged file."""
    log.error("database: %s", first_fault(error))
    return page(503)


def from_bug(error: Exception) -> Response:
    """A bug: the traceback goes to the log, not onto the page."""
    log.exception("unexpected %s", type(error).__name__)
    return page(500)
