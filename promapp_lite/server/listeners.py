"""The addresses to listen on."""

import errno
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from promapp_lite import addresses
from promapp_lite.config import PORTS, Settings, listen_url
from promapp_lite.errors import UserError
from promapp_lite.server.limits import BACKLOG

REASONS = {  # Windows has other numbers for these, which os.strerror does not know
    errno.EADDRINUSE: "another program uses it; stop that program, or use --listen",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EACCES: "the system reserves this port; choose another with --listen",
}


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
            return listening(family, address)
        except OSError as error:
            why = REASONS.get(error.errno or 0, error.strerror)
            raise UserError(f"Cannot listen on {self.host} port {self.port}: {why}.") from None


def listening(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    """A socket that listens, and shares its address with no other program; OSError where it cannot.

    On Windows any program could take the port over, unless it is held exclusively:
    https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse
    Elsewhere SO_REUSEADDR only lets a restart follow at once.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR), 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


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
