"""Trusted proxies: whose X-Forwarded headers count."""

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from promapp_lite import addresses
from promapp_lite.errors import UserError

FORWARDED = re.compile(r"HTTP_(X_)?FORWARDED")
FOR, HOST, PROTO = (f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "HOST", "PROTO"))
WITH_PORT = re.compile(r"\[([^]]+)\](?::\d+)?|([^:]+):\d+")
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(named: Iterable[str]) -> list[Network]:
    """The addresses and networks of the proxies; UserError for what is neither."""
    try:
        return [ipaddress.ip_network(each) for each in named]
    except ValueError as error:
        raise UserError(f"--trusted-proxy takes an address or a network: {error}.") from None


def trusts(trusted: Iterable[Network], peer: str) -> bool:
    """Whether the peer is one of these. Without an address it came through a Unix socket of this machine."""
    address = addresses.parse(peer or "127.0.0.1")
    return address is not None and any(address in network for network in trusted)


class TrustedProxies:
    """WSGI middleware for servers other than `serve`: of a trusted peer client, host and scheme are taken.

    Everything else that says who forwarded what is dropped unread.
    """

    def __init__(self, app: Any, trusted: Iterable[str]) -> None:
        self.app = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self.trusted = networks(trusted)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer the request."""
        taken = (FOR, HOST, PROTO) if trusts(self.trusted, environ.get("REMOTE_ADDR", "")) else ()
        for name in [each for each in environ if FORWARDED.match(each) and each not in taken]:
            del environ[name]
        if FOR in environ:
            environ[FOR] = without_port(environ[FOR])
        return self.app(environ, start_response)


def without_port(chain: str) -> str:
    """The last address of X-Forwarded-For; IIS adds a port to it."""
    last = chain.rpartition(",")[2].strip()
    found = WITH_PORT.fullmatch(last)
    return (found[1] or found[2]) if found else last
