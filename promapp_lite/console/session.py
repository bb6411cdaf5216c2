"""Signing in and out: the cookie, the set-up link, passwords, and the sessions an admin sees.

The cookie's value is random. It keys a row once somebody is signed in; before that it only carries the
CSRF token of the form, so that anonymous visitors leave nothing in the database.
"""

import hashlib
import re
import secrets
from typing import Any

from flask import Flask, Request, Response, current_app, g, redirect, render_template, request, session
from flask.sessions import SessionInterface, SessionMixin
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from werkzeug.local import LocalProxy

from promapp_lite.console.page import form, page, store
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins, login_throttle, sessions, setup
from promapp_lite.store.access.sessions import Visitor

ID = "int(max=9223372036854775807):id"
COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
GUESSES = "10 per minute"  # of one address; login_throttle.py slows each account besides
WRONG = "The user name or the password is wrong."
csrf = CSRFProtect()
limiter = Limiter(get_remote_address, storage_uri="memory://")


class Visit(dict[str, Any], SessionMixin):
    """What Flask calls session: the cookie's value and the CSRF token that belongs to it."""

    def __init__(self, value: str | None) -> None:
        self.fresh = value is None
        self.take(secrets.token_urlsafe(32) if value is None else value)

    def take(self, value: str) -> None:
        """Go on under another cookie value."""
        self.value = value
        self["csrf_token"] = derived("csrf", value)

    def renew(self, value: str) -> None:
        """Go on under a new cookie value and send it."""
        self.fresh = True
        self.take(value)


def derived(purpose: str, value: str) -> str:
    """A secret that only the holder of the cookie has."""
    return hashlib.sha256(f"{purpose} {value}".encode()).hexdigest()


NOBODY = Visit("")  # of a request that has a token instead


class Cookies(SessionInterface):
    """One cookie, `__Host-` and Secure under TLS, HttpOnly, SameSite=Lax, gone with the browser."""

    def open_session(self, app: Flask, request: Request) -> Visit:
        """The visit; requests of the API have none."""
        if request.mount is not None:  # type: ignore[attr-defined]
            return NOBODY
        sent = request.cookies.get(cookie_name(request), "")
        return Visit(sent if COOKIE.fullmatch(sent) else None)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie where it is new and something was shown that needs it."""
        if isinstance(session, Visit) and session.fresh and g.get("shown"):
            response.set_cookie(
                cookie_name(request), session.value, secure=safe(request), httponly=True, samesite="Lax"
            )


def safe(asked: Request) -> bool:
    """Whether the browser came over TLS: to one of our doors, or to the proxy in front."""
    settings = current_app.extensions["settings"]
    return asked.is_secure or (settings.behind_proxy and settings.public_url.startswith("https://"))


def cookie_name(asked: Request) -> str:
    """`__Host-` is kept by browsers to TLS, the whole path and this host only."""
    return "__Host-promapp-lite" if safe(asked) else "promapp-lite"


def init_app(app: Flask) -> None:
    """Set up cookie, CSRF and limiter."""
    app.session_interface = Cookies()
    app.config |= {
        "WTF_CSRF_CHECK_DEFAULT": False,  # the console's gate calls it; the API has tokens, not cookies
        "WTF_CSRF_TIME_LIMIT": None,  # the token is as good as its session
        "WTF_CSRF_SSL_STRICT": False,  # Referrer-Policy: no-referrer leaves no Referer to compare
        "RATELIMIT_HEADERS_ENABLED": False,
        # keyed by the visitor's own cookie: nothing to keep, nothing to share between processes
        "WTF_CSRF_SECRET_KEY": LocalProxy(lambda: derived("sign", session.value)),
    }
    csrf.init_app(app)
    app.extensions["limiter"] = {limiter}  # else it puts hooks of its own before every API request too
    limiter.init_app(app)
    for path, methods, view in (
        ("/sign-in", ["POST"], sign_in),
        ("/sign-out", ["POST"], sign_out),
        ("/setup", ["GET", "POST"], first_admin),
        ("/password", ["POST"], change_password),
        (f"/sessions/<{ID}>/end", ["POST"], end_session),
    ):
        app.add_url_rule(path, view_func=view, methods=methods, provide_automatic_options=False)


def welcome(status: int = 200, **facts: Any) -> tuple[str, int]:
    """The sign-in form."""
    g.shown = True
    return render_template("sign-in.html", unmade=setup.needed(store()), **facts), status


@limiter.limit(GUESSES, methods=["POST"])
def sign_in() -> Any:
    """POST name and password: a new session, or the form again with the reason."""
    name = form("name").strip()[:300]
    wait = login_throttle.wait(store(), name, request.remote_addr)
    if wait:
        answer = current_app.make_response(welcome(429, name=name, refused=waiting(wait)))
        answer.headers["Retry-After"] = str(wait)
        return answer
    try:
        found = admins.verify(store(), name, form("password"))
    except UserError as refusal:
        return welcome(503, name=name, refused=str(refusal))
    if found is None:
        login_throttle.wrong(store(), name, request.remote_addr)
        return welcome(401, name=name, refused=WRONG)
    login_throttle.right(store(), name, request.remote_addr)
    return enter(found)


def waiting(seconds: int) -> str:
    """How the wait is told."""
    length = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return f"There were many wrong passwords for this name. Wait {length}, then try again."


def enter(admin_id: int) -> Response:
    """Begin a session under a new cookie value and go to the console."""
    agent = request.headers.get("User-Agent")
    renew(sessions.begin(store(), admin_id, request.remote_addr, agent))
    return redirect("/", 303)  # type: ignore[return-value]


def renew(value: str) -> None:
    """Give the browser a new cookie value."""
    g.shown = True
    session.renew(value)  # type: ignore[attr-defined]


def sign_out() -> Any:
    """End this session."""
    here = g.visitor
    sessions.end(store(), here, here.session_id)
    renew(secrets.token_urlsafe(32))
    return redirect("/", 303)


@limiter.limit(GUESSES, methods=["POST"])
def first_admin() -> Any:
    """The set-up link: GET shows the form, POST makes the first admin and signs in."""
    key = request.values.get("key", "")
    g.shown = True
    try:
        setup.check(store(), key)
        if request.method == "GET":
            return render_template("first-admin.html", key=key)
        if form("password") != form("again"):
            raise UserError("The two passwords differ.")
        return enter(setup.use(store(), key, form("name"), form("password")))
    except UserError as refusal:
        live = str(refusal) != setup.USED
        page = render_template(
            "first-admin.html", key=key if live else None, refused=refusal, name=form("name")
        )
        return page, 400 if live else 410


@limiter.limit(GUESSES, methods=["POST"])
def change_password() -> Any:
    """A new password for whom it is, proved by the old one; all other sessions of theirs end."""
    here = g.visitor
    try:
        prove(here)
        if form("password") != form("again"):
            raise UserError("The two new passwords differ.")
        admins.set_password(store(), here.name, form("password"))
    except UserError as refusal:
        return page(400, refused={"profile": str(refusal)})
    sessions.end_others(store(), here)
    return redirect("/?done=password#profile", 303)


def prove(here: Visitor) -> None:
    """UserError unless the present password was given."""
    wait = login_throttle.wait(store(), here.name, request.remote_addr)
    if wait:
        raise UserError(waiting(wait))
    if admins.verify(store(), here.name, form("present")) is None:
        login_throttle.wrong(store(), here.name, request.remote_addr)
        raise UserError("The present password is wrong.")


def end_session(id: int) -> Any:
    """End one of the admin's own sessions."""
    sessions.end(store(), g.visitor, id)
    return redirect("/?done=session#profile", 303)
