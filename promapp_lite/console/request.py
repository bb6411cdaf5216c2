"""Request values and application objects for the console."""

from collections.abc import Mapping

from flask import current_app, g, request

from promapp_lite.config import Settings
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store


def store() -> Store:
    """The application's store."""
    opened: Store = current_app.extensions["store"]
    return opened


def settings() -> Settings:
    """The application's settings."""
    given: Settings = current_app.extensions["settings"]
    return given


def caller(admin_id: int | None = None) -> Caller:
    """Who asks, for the activity: the admin that is named, or who is signed in."""
    here = g.visitor and g.visitor.admin_id
    return Caller(request.method, request.path, request.remote_addr, admin_id=admin_id or here)


def form(name: str) -> str:
    """A field of the form that was sent, empty where it is missing."""
    return request.form.get(name, "")


def number(sent: Mapping[str, str], name: str, default: int) -> int:
    """A whole number among the parameters; the default where it is none."""
    text = sent.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else default
