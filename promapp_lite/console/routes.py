"""The console's one list of routes, and its blueprint."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from promapp_lite.console import errors, format, session, sign_in, views
from promapp_lite.console.headers import nonce, with_headers
from promapp_lite.console.page import here
from promapp_lite.store.access import hashing
from promapp_lite.store.engine import DB_ERRORS

ID = "int(max=9223372036854775807):id"
ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("/", "GET", views.console),
    ("/sign-in", "POST", sign_in.sign_in),
    ("/sign-out", "POST", sign_in.sign_out),
    ("/setup", "GET POST", sign_in.first_admin),
    ("/password", "POST", sign_in.change_password),
    (f"/sessions/<{ID}>/end", "POST", sign_in.end_session),
    ("/tokens", "POST", views.create_token),
    (f"/tokens/<{ID}>/revoke", "POST", views.revoke_token),
    (f"/restore/<{ID}>", "POST", views.restore_deleted),
    ("/backup", "POST", views.download_backup),
    ("/activity.csv", "GET", views.activity_csv),
    ("/favicon.svg", "GET", views.favicon),
)


def init_app(app: Flask) -> None:
    """Register the console, and its error page for every path that is neither its nor the API's."""
    app.extensions["started"] = datetime.now(UTC)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= {"nonce": nonce, "here": here, "here_csv": views.here_csv}
    format.init_app(app)
    session.init_app(app)
    hashing.QUEUE.fit(app.extensions["settings"].threads)
    app.register_blueprint(blueprint())
    app.register_error_handler(HTTPException, errors.from_http)
    for fault in DB_ERRORS:
        app.register_error_handler(fault, errors.from_database)
    app.register_error_handler(Exception, errors.from_bug)


def blueprint() -> Blueprint:
    """The console: its routes, the session they need, its headers."""
    console = Blueprint("console", __name__)
    console.before_request(session.require_session)
    console.before_request(sign_in.limit_tries)
    console.after_request(with_headers)
    for path, methods, view in ROUTES:
        console.add_url_rule(path, view_func=view, methods=methods.split(), provide_automatic_options=False)
    return console
