"""The Flask application: the data opened, the blueprints registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from promapp_lite.api import authenticate, bulk, errors, resources
from promapp_lite.config import Settings
from promapp_lite.console import routes
from promapp_lite.ops import access_log, health, metrics
from promapp_lite.scim.discovery import MAX_BODY
from promapp_lite.store.activity.auth_failures import Denials
from promapp_lite.store.engine import Store
from promapp_lite.store.opening import open_store

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
    """The WSGI application over a data folder; store.UserError where it cannot be opened."""
    app = Application("promapp_lite", static_folder=None, template_folder=str(templates()))
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.url_map.merge_slashes = False
    app.extensions["settings"] = settings
    app.extensions["store"] = store or open_store(settings.data_dir, getattr(settings, "index", ()))
    app.extensions["probes"] = {}
    app.extensions["denials"] = Denials(app.extensions["store"])
    for room in (access_log, authenticate, errors, health, metrics, resources, bulk, routes):
        room.init_app(app)
    return app
