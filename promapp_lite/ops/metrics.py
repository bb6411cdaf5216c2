"""`/metrics` for Prometheus: what was asked for, how long it took, what is held; no personal data."""

from flask import Response, current_app, request

from promapp_lite import addresses
from promapp_lite.store.access import tokens


def metrics() -> Response:
    """The meters in Prometheus' text form, for this machine or with a token."""
    if not (from_here() or bears_token()):
        return Response(
            "401 /metrics wants a token with the scope scim:read.\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="promapp-lite"'},
            content_type="text/plain; charset=utf-8",
        )
    log = current_app.extensions["access_log"]
    log.write()
    return Response(log.meters.text(), content_type=log.meters.content_type)


def from_here() -> bool:
    """Whether a program on this machine asks; behind a proxy everybody may seem to."""
    proxied = current_app.extensions["settings"].behind_proxy
    return not proxied and addresses.is_loopback(request.remote_addr)


def bears_token() -> bool:
    """Whether a live token was sent, whatever its scope."""
    sent = request.authorization
    if sent is None or sent.type != "bearer" or not sent.token:
        return False
    return tokens.check(current_app.extensions["store"], sent.token, request.remote_addr) is not None
