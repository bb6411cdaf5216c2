"""The Flask application: open the data, mount the rooms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from promapp_lite.scim.discovery import MAX_BODY
from promapp_lite.settings import Settings
from promapp_lite.store.db import Store
from promapp_lite.store.denials import Denials
from promapp_lite.store.opening import open_store
from promapp_lite.web import auth, bulk, console, failures, health, metrics, scim, watch

PACKAGE = Path(__file__).parent


class Application(Flask):
    """Flask over plain functions: it need not ask of each one, at each request, whether it is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def templates() -> Path:
    """Where the pages are: in the package of a wheel or an executable, beside it in a checkout."""
    inside = PACKAGE / "templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


def create_app(settings: Settings, store: Store | None = None) -> Flask:
    """The WSGI application over a data folder; store.admins.Refused where it cannot be opened."""
    app = Application("promapp_lite", static_folder=None, template_folder=str(templates()))
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.url_map.merge_slashes = False
    app.extensions["settings"] = settings
    app.extensions["store"] = store or open_store(settings.data_dir)
    app.extensions["probes"] = {}
    app.extensions["denials"] = Denials(app.extensions["store"])
    for room in (watch, auth, failures, health, metrics, scim, bulk, console):
        room.init_app(app)
    return app
