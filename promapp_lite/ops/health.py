"""`/healthz`: whether the service answers and its database does."""

from flask import Response, current_app, jsonify

from promapp_lite import __version__
from promapp_lite.store.directory import resources
from promapp_lite.store.engine import DB_ERRORS


def healthz() -> tuple[Response, int]:
    """200 when the database answers, else 503 with the reason."""
    try:
        resources.prove_readable(current_app.extensions["store"])
    except DB_ERRORS as error:
        return jsonify(status="unavailable", reason=str(error)), 503
    return jsonify(status="ok", version=__version__), 200
