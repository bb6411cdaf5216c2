"""The session: one cookie with a random value, the CSRF token that belongs to it, and who is signed in.

After sign-in the value keys a row; before that it only carries the CSRF token of the form, so
that anonymous visitors leave nothing in the database.
"""

import hashlib
import re
import secrets
from contextlib import suppress
from typing import Any, cast

from flask import Flask, Request, Response, g, render_template, request, session
from flask.sessions import SessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect
from werkzeug.local import LocalProxy

from promapp_lite.console.origin import require_own_origin
from promapp_lite.console.request import settings, store
from promapp_lite.store.access import sessions, setup
from promapp_lite.store.activity import indexer
from promapp_lite.store.engine import DB_ERRORS

COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
PUBLIC = ("console.sign_in", "console.first_admin", "console.favicon")
csrf = CSRFProtect()


class CookieSession(dict[str, Any], SessionMixin):
    """What Flask calls session. It is empty until the console reads the cookie; the API never does."""

    value = ""
    fresh = False  # to be sent

    def read(self, sent: str) -> None:
        """Go on with the browser's cookie, or with a new one where it sent none of ours."""
        self.fresh = COOKIE.fullmatch(sent) is None
        self.use(secrets.token_urlsafe(32) if self.fresh else sent)

    def use(self, value: str) -> None:
        """Go on under a cookie value."""
        self.value = value
        self["csrf_token"] = derived("csrf", value)

    def renew(self, value: str) -> None:
        """Go on under a new cookie value and send it."""
        self.fresh = True
        self.use(value)


def derived(purpose: str, value: str) -> str:
    """A secret that only the holder of the cookie has."""
    return hashlib.sha256(f"{purpose} {value}".encode()).hexdigest()


def current() -> CookieSession:
    """The session of this request."""
    return cast(CookieSession, session)


class CookieInterface(SessionInterface):
    """One cookie, `__Host-` and Secure under TLS, HttpOnly, SameSite=Lax, gone with the browser."""

    def open_session(self, app: Flask, request: Request) -> CookieSession:
        """An empty session: Flask asks before it knows whether the request is the console's."""
        return CookieSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie where it is new and something was shown that needs it."""
        if isinstance(session, CookieSession) and session.fresh and g.get("shown"):
            response.set_cookie(
                cookie_name(request), session.value, secure=safe(request), httponly=True, samesite="Lax"
            )


def safe(asked: Request) -> bool:
    """Whether the browser came over TLS: to one of our listeners, or to the proxy in front."""
    given = settings()
    return asked.is_secure or (given.behind_proxy and given.public_url.startswith("https://"))


def cookie_name(asked: Request) -> str:
    """`__Host-` is kept by browsers to TLS, the whole path and this host only."""
    return "__Host-promapp-lite" if safe(asked) else "promapp-lite"


def device_name(asked: Request) -> str:
    """The cookie of a browser that has signed in before."""
    return f"{cookie_name(asked)}-device"


def init_app(app: Flask) -> None:
    """Set up cookie and CSRF token."""
    app.session_interface = CookieInterface()
    app.config |= {
        "WTF_CSRF_CHECK_DEFAULT": False,  # require_session calls it; the API has tokens, not cookies
        "WTF_CSRF_TIME_LIMIT": None,  # the token is as good as its session
        "WTF_CSRF_SSL_STRICT": False,  # Referrer-Policy: no-referrer leaves no Referer to compare
        # keyed by the visitor's own cookie: nothing to keep, nothing to share between processes
        "WTF_CSRF_SECRET_KEY": LocalProxy(lambda: derived("sign", current().value)),
    }
    csrf.init_app(app)


def require_session() -> Any:
    """Refuse requests without a session, and POST without its CSRF token; new routes are covered too."""
    current().read(request.cookies.get(cookie_name(request), ""))
    g.visitor = sessions.find(store(), current().value)
    if request.method == "POST":
        csrf.protect()
        require_own_origin()
    if g.visitor is not None:
        with suppress(*DB_ERRORS):  # on a full disk the page shows what it can
            indexer.catch_up(store())
    if g.visitor is not None or request.endpoint in PUBLIC:
        return None
    if request.endpoint == "console.console" and "X-Part" not in request.headers:
        return sign_in_page()
    return sign_in_page(401, refused="You are signed out. Sign in again.")


def sign_in_page(status: int = 200, **facts: Any) -> tuple[str, int]:
    """The sign-in form."""
    g.shown = True
    facts = {"name": "", "refused": None} | facts
    return render_template("sign-in.html", unmade=setup.needed(store()), **facts), status
