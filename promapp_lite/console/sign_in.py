"""Signing in and out: passwords, the set-up link, and the sessions an admin sees."""

import secrets
from typing import Any

from flask import Response, current_app, g, redirect, render_template, request

from promapp_lite.console import errors
from promapp_lite.console.page import page
from promapp_lite.console.request import caller, form, store
from promapp_lite.console.session import current, sign_in_page
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins, login_throttle, sessions, setup
from promapp_lite.store.access.sessions import Visitor
from promapp_lite.store.activity import audit

LIMITED = ("console.sign_in", "console.first_admin", "console.change_password")
WRONG = "Wrong user name or password."


def limit_tries() -> Response | None:
    """429 for a form with a password when its address has used up its attempts of this minute."""
    if request.method != "POST" or request.endpoint not in LIMITED:
        return None
    wait = login_throttle.admit(store(), request.remote_addr)
    return errors.page(429, {"Retry-After": str(wait)}) if wait else None


def sign_in() -> Any:
    """POST name and password: a new session, or the form again with the reason."""
    name = form("name").strip()[:300]
    wait = login_throttle.wait(store(), name, request.remote_addr)
    if wait:
        answer = current_app.make_response(sign_in_page(429, name=name, refused=waiting(wait)))
        answer.headers["Retry-After"] = str(wait)
        return answer
    try:
        found = admins.verify(store(), name, form("password"))
    except UserError as refusal:
        return sign_in_page(503, name=name, refused=str(refusal))
    if found is None:
        failed(name)
        return sign_in_page(401, name=name, refused=WRONG)
    login_throttle.right(store(), name, request.remote_addr)
    return enter(found, name)


def failed(name: str) -> None:
    """Count a wrong password for a name."""
    login_throttle.wrong(store(), name, request.remote_addr)
    current_app.extensions["failed_sign_ins"].note(caller(), name)


def waiting(seconds: int) -> str:
    """The message while an account has to wait."""
    length = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    return f"Too many attempts, try again in {length}."


def enter(admin_id: int, name: str) -> Response:
    """Begin a session under a new cookie value and go to the console."""
    agent = request.headers.get("User-Agent")
    with store().write():
        cookie = sessions.begin(store(), admin_id, request.remote_addr, agent)
        audit.record(store(), caller(admin_id), "sign-in", name)
    renew(cookie)
    return redirect("/", 303)  # type: ignore[return-value]


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
        return first_admin_page(key if live else None, str(refusal)), 400 if live else 410


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
        check_password(here)
        if form("password") != form("again"):
            raise UserError("The new passwords do not match.")
        hashed = admins.hash_password(form("password"))
    except UserError as refusal:
        return page(400, refused={"profile": str(refusal)})
    with store().write():
        admins.set_password(store(), here.name, hashed, but=here.session_id)
        audit.record(store(), caller(), "password", here.name)
    return redirect("/?done=password#profile", 303)


def check_password(here: Visitor) -> None:
    """UserError unless the current password was given."""
    wait = login_throttle.wait(store(), here.name, request.remote_addr)
    if wait:
        raise UserError(waiting(wait))
    if admins.verify(store(), here.name, form("present")) is None:
        failed(here.name)
        raise UserError("The current password is wrong.")


def end_session(id: int) -> Any:
    """End one of the admin's own sessions."""
    with store().write():
        sessions.end(store(), g.visitor, id)
        audit.record(store(), caller(), "sign-out", g.visitor.name, "Another session was ended.")
    return redirect("/?done=session#profile", 303)
