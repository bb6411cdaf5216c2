"""`/healthz`: whether the service answers and its database does."""

from flask import Flask, Response, current_app, jsonify

from promapp_lite import __version__
from promapp_lite.store.engine import DB_ERRORS


def init_app(app: Flask) -> None:
    """Mount it; it needs no token and tells nothing that does."""
    app.add_url_rule("/healthz", view_func=healthz, provide_automatic_options=False)


def healthz() -> tuple[Response, int]:
    """200 when the database answers, else 503 with the reason."""
    try:
        current_app.extensions["store"].database.execute_sql("SELECT 1 FROM users LIMIT 1").fetchall()
    except DB_ERRORS as error:
        return jsonify(status="unavailable", reason=str(error)), 503
    return jsonify(status="ok", version=__version__), 200
