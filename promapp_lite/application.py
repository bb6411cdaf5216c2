"""The Flask application: opens the data, registers the blueprints, owns the background jobs."""

import atexit
import os
import sys
from pathlib import Path
from typing import NoReturn

from flask import Flask

from promapp_lite.api import routes as api
from promapp_lite.config import Settings
from promapp_lite.console import routes as console
from promapp_lite.errors import UserError
from promapp_lite.ops import conditions, logs
from promapp_lite.ops import routes as ops
from promapp_lite.ops.jobs import Jobs
from promapp_lite.ops.trusted_proxies import TrustedProxies
from promapp_lite.scim import limits
from promapp_lite.store.activity import audit, indexer
from promapp_lite.store.activity.auth_failures import AuthFailures
from promapp_lite.store.engine import Store
from promapp_lite.store.opening import open_store, shared_serving_lock
from promapp_lite.store.snapshots import backup

PACKAGE = Path(__file__).parent
GUNICORN_BOOT_ERROR = 3


def templates() -> Path:
    """Where the pages are: in the package of a wheel or an executable, beside it in a checkout."""
    inside = PACKAGE / "templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


def create_app(settings: Settings, store: Store | None = None) -> Flask:
    """The WSGI application over a data folder; UserError where it cannot be opened."""
    app = Flask("promapp_lite", static_folder=None, template_folder=str(templates()))
    app.config["MAX_CONTENT_LENGTH"] = limits.BODY
    app.url_map.merge_slashes = False
    app.extensions["settings"] = settings
    app.extensions["store"] = store or open_store(settings.data_dir, settings.index)
    app.extensions["probes"] = {}
    app.extensions["auth_failures"] = AuthFailures(app.extensions["store"])
    app.extensions["failed_sign_ins"] = audit.FailedSignIns(app.extensions["store"])
    for room in (ops, api, console):  # operation first, so that its clock starts first
        room.init_app(app)
    app.extensions["jobs"] = jobs(app, settings)
    return app


def jobs(app: Flask, settings: Settings) -> Jobs:
    """Log lines and counts, health, search words and cycles, what is wrong, the daily copy, old activity."""
    store = app.extensions["store"]
    return Jobs(
        (
            app.extensions["access_log"].keep_up,
            app.extensions["health"].keep_up,
            lambda ended: indexer.keep_up(store, ended),
            lambda ended: conditions.watch(settings, store, ended),
            lambda ended: backup.keep_copies(store, settings.keep_backups, ended, settings.activity_days),
        )
    )


def from_environment() -> Flask:
    """The application for any WSGI server, by the settings of its environment, with its jobs running.

    Where that cannot be, one line on stderr says why, and the process ends with 1, or 3 under gunicorn.
    """
    try:
        settings = Settings.load()
        logs.set_up(settings.log_format)
        app = create_app(settings)
        app.extensions["serving_lock"] = shared_serving_lock(settings.data_dir)
    except UserError as refusal:
        give_up(refusal)
    if settings.behind_proxy:
        app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxy)  # type: ignore[method-assign]
    run_jobs(app.extensions["jobs"], app.extensions["store"])
    return app


def give_up(refusal: UserError) -> NoReturn:
    """Say why on stderr, and end the process."""
    # gunicorn starts a worker again for ever, unless it ends with the code for one that cannot start.
    print(f"Error: {refusal}", file=sys.stderr)
    raise SystemExit(GUNICORN_BOOT_ERROR if "gunicorn.arbiter" in sys.modules else 1)


def run_jobs(running: Jobs, store: Store) -> None:
    """Run the jobs until the process ends, and in each process that a server forks from this one.

    Neither threads nor connections to SQLite may be carried into a fork.
    """

    def before_fork() -> None:
        running.stop()
        store.close()

    running.start()
    atexit.register(running.stop)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before_fork, after_in_parent=running.start, after_in_child=running.start)
