"""The addresses to listen on."""

import os
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from promapp_lite import addresses
from promapp_lite.config import PORTS, Settings, listen_url
from promapp_lite.errors import UserError
from promapp_lite.server.limits import BACKLOG


class Listener(NamedTuple):
    """An address to listen on."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Listener":
        """Read `http://127.0.0.1:8480`; UserError where it is no such address."""
        try:
            parts = urlsplit(listen_url(url))
        except ValueError as error:
            raise UserError(f"{url}: {error}.") from None
        return cls(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host == "localhost" or addresses.is_loopback(self.host)

    def bind(self) -> socket.socket:
        """A listening socket; UserError where the address is taken or not this machine's."""
        try:
            family, *_, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise UserError(f"Cannot listen on {self.host} port {self.port}: {why}.") from None


def listeners(settings: Settings) -> list[Listener]:
    """The listeners to open; UserError for plain http that other machines would reach."""
    found = [Listener.parse(url) for url in settings.listen]
    for listener in found:
        if listener.scheme == "http" and not listener.loopback and not settings.behind_proxy:
            raise UserError(
                f"http://{listener.host}:{listener.port} would send tokens in the clear over the network. "
                f"Listen on http://127.0.0.1:{listener.port}, use an https listener, or add "
                f"--behind-proxy if a proxy in front terminates TLS."
            )
    return found
