"""The routes of operation: /healthz, /metrics and security.txt. They decide themselves whom they answer."""

from flask import Blueprint, Flask, Response

from promapp_lite.ops import access_log
from promapp_lite.ops.health import healthz
from promapp_lite.ops.metrics import metrics
from promapp_lite.ops.security_txt import security_txt

ROUTES = (("/healthz", healthz), ("/metrics", metrics), ("/.well-known/security.txt", security_txt))
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def init_app(app: Flask) -> None:
    """Register them, and the access log of every request."""
    access_log.init_app(app)
    ops = Blueprint("ops", __name__)
    ops.after_request(with_headers)
    for path, view in ROUTES:
        ops.add_url_rule(path, view_func=view, provide_automatic_options=False)
    app.register_blueprint(ops)


def with_headers(answer: Response) -> Response:
    """The answer, kept by nobody in between."""
    answer.headers.update(HEADERS)
    return answer
