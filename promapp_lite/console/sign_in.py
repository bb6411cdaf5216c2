"""Signing in and out: passwords, the set-up link, and the sessions an admin sees."""

import secrets
from typing import Any, NamedTuple

from flask import Response, current_app, g, redirect, render_template, request

from promapp_lite.console import errors
from promapp_lite.console.page import page
from promapp_lite.console.request import caller, form, store
from promapp_lite.console.session import current, device_name, safe, sign_in_page
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins, devices, login_throttle, sessions, setup
from promapp_lite.store.access.hashing import Busy, Rank
from promapp_lite.store.access.sessions import Visitor
from promapp_lite.store.activity import audit

LIMITED = ("console.sign_in", "console.first_admin", "console.change_password")
WRONG = "Wrong user name or password."


class Guess(NamedTuple):
    """A password that is given for a name: from which address or known browser."""

    name: str
    source: str | None
    rank: Rank

    @property
    def known(self) -> bool:
        """Whether this browser has signed in under that name before."""
        return self.rank is Rank.KNOWN

    @property
    def wait(self) -> int:
        """The seconds until it will be looked at."""
        return login_throttle.wait(store(), self.name, self.source, self.known)

    def check(self, password: str) -> int | None:
        """The admin's id where it is right, else None, counted; Busy."""
        found = admins.verify(store(), self.name, password, self.rank)
        if found is None:
            login_throttle.wrong(store(), self.name, self.source, self.known)
            current_app.extensions["failed_sign_ins"].note(caller(), self.name)
        else:
            login_throttle.right(store(), self.name, self.source, self.known)
        return found


def guess(name: str) -> Guess:
    """The guess of this request at the password of that name."""
    known = devices.find(store(), request.cookies.get(device_name(request), ""), name)
    if known:
        return Guess(name, f"device {known}", Rank.KNOWN)
    address = request.remote_addr
    return Guess(name, address, Rank.FRESH if login_throttle.fresh(store(), address) else Rank.OTHER)


def typed_name() -> str:
    """The name in the sign-in form, or whose session it is."""
    return g.visitor.name if g.visitor else form("name").strip()[:300]


def limit_tries() -> Response | None:
    """429 for a form with a password when its address, or known browser, has no attempts left."""
    if request.method != "POST" or not (request.endpoint in LIMITED or "present" in request.form):
        return None
    wait = login_throttle.admit(store(), guess(typed_name()).source)
    return errors.page(429, {"Retry-After": str(wait)}) if wait else None


def sign_in() -> Any:
    """POST name and password: a new session, or the form again with the reason."""
    name = form("name").strip()[:300]
    tried = guess(name)
    if wait := tried.wait:
        return *sign_in_page(429, name=name, refused=waiting(wait)), {"Retry-After": str(wait)}
    try:
        found = tried.check(form("password"))
    except Busy as refusal:
        return sign_in_page(503, name=name, refused=str(refusal))
    return enter(found, name) if found else sign_in_page(401, name=name, refused=WRONG)


def waiting(seconds: int) -> str:
    """The message while an account has to wait."""
    length = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return f"Too many attempts, try again in {length}."


def enter(admin_id: int, name: str) -> Response:
    """Begin a session under a new cookie value and go to the console."""
    agent = request.headers.get("User-Agent")
    with store().write():
        cookie = sessions.begin(store(), admin_id, request.remote_addr, agent)
        device = known_again(admin_id, name)
        audit.record(store(), caller(admin_id), "sign-in", name)
    renew(cookie)
    answer = current_app.make_response(redirect("/", 303))
    facts: dict[str, Any] = {"secure": safe(request), "httponly": True, "samesite": "Lax"}
    answer.set_cookie(device_name(request), device, max_age=devices.LIFE, **facts)
    return answer


def known_again(admin_id: int, name: str) -> str:
    """A new device cookie for this browser, in the place of the one that it has."""
    if held := devices.find(store(), request.cookies.get(device_name(request), ""), name):
        devices.forget(store(), held)
    return devices.remember(store(), admin_id)


def renew(value: str) -> None:
    """Give the browser a new cookie value."""
    g.shown = True
    current().renew(value)


def sign_out() -> Any:
    """End this session."""
    here = g.visitor
    with store().write():
        sessions.end(store(), here, here.session_id)
        audit.record(store(), caller(), "sign-out", here.name)
    renew(secrets.token_urlsafe(32))
    return redirect("/", 303)


def first_admin() -> Any:
    """The set-up link: GET shows the form, POST makes the first admin and signs in."""
    key = request.values.get("key", "")
    g.shown = True
    try:
        setup.check(store(), key)
        if request.method == "GET":
            return first_admin_page(key)
        if form("password") != form("again"):
            raise UserError("The passwords do not match.")
        return make_first(key, form("name").strip())
    except UserError as refusal:
        live = str(refusal) != setup.USED
        return first_admin_page(key if live else None, str(refusal)), status(refusal) if live else 410


def make_first(key: str, name: str) -> Response:
    """Make the first admin and sign in; UserError says why not."""
    hashed = setup.prepare(store(), key, name, form("password"))
    with store().write():
        made = setup.use(store(), key, name, hashed)
        audit.record(store(), caller(made), "first-admin", name)
    return enter(made, name)


def first_admin_page(key: str | None, refused: str | None = None) -> str:
    """The form of the set-up link; without a key only why the link does not work."""
    return render_template("first-admin.html", key=key, refused=refused, name=form("name"))


def change_password() -> Any:
    """Change the admin's own password, given the current one; all their other sessions end."""
    here = g.visitor
    try:
        prove(here)
        if form("password") != form("again"):
            raise UserError("The new passwords do not match.")
        hashed = admins.hash_password(form("password"))
    except UserError as refusal:
        return page(status(refusal), refused={"profile": str(refusal)})
    with store().write():
        admins.set_password(store(), here.name, hashed, but=here.session_id)
        audit.record(store(), caller(), "password", here.name)
    return redirect("/?done=password#profile", 303)


def prove_again(here: Visitor) -> None:
    """UserError where the password was given too long ago, and is not given now."""
    if here.recent:
        return
    if not form("present"):
        raise UserError("It is 15 minutes since you gave your password. Enter it, then go on.")
    prove(here)


def status(refusal: UserError) -> int:
    """503 where there was no time for it, else 400."""
    return 503 if isinstance(refusal, Busy) else 400


def prove(here: Visitor) -> None:
    """UserError unless the current password was given."""
    tried = guess(here.name)
    if wait := tried.wait:
        raise UserError(waiting(wait))
    if tried.check(form("present")) is None:
        raise UserError("The current password is wrong.")
    g.visitor = sessions.prove(store(), here)


def end_session(id: int) -> Any:
    """End one of the admin's own sessions."""
    with store().write():
        sessions.end(store(), g.visitor, id)
        audit.record(store(), caller(), "sign-out", g.visitor.name, "Another session was ended.")
    return redirect("/?done=session#profile", 303)
