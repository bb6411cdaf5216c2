"""TLS on Waitress: the certificate of an https listener, and reading and writing on its connections.

Waitress has no TLS, but a channel reads and writes in two places, so a subclass is enough and costs next to
nothing: as many requests a second as over plain HTTP, where a relay in front halved them.
"""

import contextlib
import logging
import ssl
import threading
import time
from typing import Any

from promapp_lite.errors import UserError
from promapp_lite.server import channels
from promapp_lite.system.certificates import Certificate, why

log = logging.getLogger("promapp_lite")

RECORD = 16 * 1024  # a smaller read would leave decrypted bytes inside OpenSSL, where poll cannot see them
CHUNK = 64 * 1024
LOOK_SECONDS = 2  # between checks for a changed certificate


class ServedCertificate:
    """The certificate of a listener, reloaded when its files change."""

    def __init__(self, certificate: Certificate) -> None:
        """UserError where the files cannot be used."""
        self.certificate = certificate
        try:
            self.stamps = certificate.stamps()
            self.context = certificate.context()
        except (OSError, ValueError) as error:
            raise UserError(f"The certificate cannot be used: {why(error)}.") from None
        self.looked, self.fault = time.monotonic(), ""

    def current(self) -> ssl.SSLContext:
        """The context for the next connection."""
        if time.monotonic() - self.looked >= LOOK_SECONDS:
            self.looked = time.monotonic()
            self.look()
        return self.context

    def look(self) -> None:
        """Load changed files; log once when they cannot be used, and keep the previous certificate."""
        try:
            stamps = self.certificate.stamps()
            if stamps == self.stamps:
                return
            self.context, self.stamps, self.fault = self.certificate.context(), stamps, ""
            log.info("certificate reloaded, SHA-256 %s", self.certificate.fingerprint)
        except (OSError, ValueError) as error:
            if why(error) != self.fault:
                log.error("the previous certificate stays in use, the new one cannot be: %s", why(error))
            self.fault = why(error)


class Server(channels.Server):
    """An https listener."""

    shown: ServedCertificate

    def accept(self) -> tuple[ssl.SSLSocket, Any] | None:
        """The next connection, before its handshake; None if it has gone already."""
        accepted = super().accept()
        if accepted is None:
            return None
        raw, address = accepted
        try:
            raw.getpeername()  # before it is wrapped: of one that is gone, wrapping would leave a loose end
            raw.setblocking(False)
            context = self.shown.current()
            return context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), address
        except OSError:
            raw.close()
            return None


class Channel(channels.Channel):
    """One TLS connection. The loop and a worker may both send; OpenSSL allows one at a time."""

    secured = False
    handshake_writes = False

    def __init__(self, *args: Any, **facts: Any) -> None:
        self.tls = threading.Lock()
        super().__init__(*args, **facts)

    def readable(self) -> bool:
        """During the handshake always; then as Waitress has it."""
        return bool(super().readable()) if self.secured else not (self.handshake_writes or self.will_close)

    def writable(self) -> bool:
        """Also when the handshake has something to send."""
        return self.handshake_writes or bool(super().writable())

    def handle_read(self) -> None:
        """Go on with the handshake, or take what has come."""
        if not self.secured:
            self.shake()
        if self.lingering:
            super().handle_read()
        elif self.secured:
            self.take()

    def handle_write(self) -> None:
        """Go on with the handshake, or send."""
        if self.secured or self.will_close:
            super().handle_write()
        else:
            self.shake()

    def shake(self) -> None:
        """One step of the handshake; a client that does not speak TLS is disconnected."""
        self.handshake_writes = False
        try:
            with self.tls:
                self.socket.do_handshake()
            self.secured = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            self.handshake_writes = True
        except (OSError, ValueError):
            self.handle_close()

    def take(self) -> None:
        """Pass on the bytes of one record; an incomplete record is not the end of the connection."""
        try:
            with self.tls:
                data = self.socket.recv(RECORD)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        if not data:
            self.handle_close()
            return
        self.received(data)

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How many bytes went out: none while the client does not read, or when it is gone."""
        try:
            with self.tls:
                sent = int(self.socket.send(data[:CHUNK]))
                self.moved += sent
                return sent
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0

    def handle_close(self) -> None:
        """Send close_notify, so that the client can tell a close from a truncation, and close."""
        if self.secured:
            self.secured = False
            with contextlib.suppress(OSError, ValueError), self.tls:
                self.socket.unwrap()
        super().handle_close()
