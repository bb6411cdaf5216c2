"""The routes of operations: /healthz, /livez, /metrics and security.txt, each with its own access rule."""

from flask import Blueprint, Flask, Response

from promapp_lite.ops import access_log
from promapp_lite.ops.health import Health, healthz, livez
from promapp_lite.ops.metrics import metrics
from promapp_lite.ops.security_txt import security_txt

ROUTES = (
    ("/healthz", healthz),
    ("/livez", livez),
    ("/metrics", metrics),
    ("/.well-known/security.txt", security_txt),
)
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def init_app(app: Flask) -> None:
    """Register the routes and the access log."""
    access_log.init_app(app)
    app.extensions["health"] = Health(app.extensions["store"])
    ops = Blueprint("ops", __name__)
    ops.after_request(with_headers)
    for path, view in ROUTES:
        ops.add_url_rule(path, view_func=view, provide_automatic_options=False)
    app.register_blueprint(ops)


def with_headers(answer: Response) -> Response:
    """The response, never cached."""
    answer.headers.update(HEADERS)
    return answer
