"""Proxy headers on Waitress: X-Forwarded-* is trusted from the proxies in front only."""

from collections.abc import Callable, Iterable
from typing import Any

from waitress.proxy_headers import proxy_headers_middleware

from promapp_lite.ops.trusted_proxies import Application, Network, trusts

HEADERS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}


def behind(app: Application, trusted: list[Network]) -> Application:
    """The application, trusting X-Forwarded-* from these peers only."""
    trusting = proxy_headers_middleware(app, trusted_proxy="*", trusted_proxy_headers=HEADERS)
    clearing = proxy_headers_middleware(app)

    def choose(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass the request on, with or without its proxy headers."""
        chosen = trusting if trusts(trusted, environ["REMOTE_ADDR"]) else clearing
        answer: Iterable[bytes] = chosen(environ, start_response)
        return answer

    return choose
