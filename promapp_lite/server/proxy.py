"""A proxy in front: whose word about scheme, host and client address is taken."""

from collections.abc import Callable, Iterable
from typing import Any

from waitress.proxy_headers import proxy_headers_middleware

from promapp_lite.ops.trusted_proxies import Application, Network, trusts

HEADERS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}


def behind(app: Application, trusted: list[Network]) -> Application:
    """The application, told by these proxies who called; what others say about it is dropped unread."""
    heard = proxy_headers_middleware(app, trusted_proxy="*", trusted_proxy_headers=HEADERS)
    unheard = proxy_headers_middleware(app)

    def choose(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass the request on, with or without what the headers say."""
        chosen = heard if trusts(trusted, environ["REMOTE_ADDR"]) else unheard
        answer: Iterable[bytes] = chosen(environ, start_response)
        return answer

    return choose
