"""A proxy in front: whose word about scheme, host and client address is taken."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from waitress.proxy_headers import proxy_headers_middleware

from promapp_lite.errors import UserError

HEADERS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(named: Iterable[str]) -> list[Network]:
    """The addresses and networks of the proxies; UserError for what is neither."""
    try:
        return [ipaddress.ip_network(each) for each in named]
    except ValueError as error:
        raise UserError(f"--trusted-proxy takes an address or a network: {error}.") from None


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


def trusts(trusted: list[Network], peer: str) -> bool:
    """Whether the peer is one of these; an IPv4 address may come in IPv6 clothes."""
    address = ipaddress.ip_address(peer)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in trusted)
