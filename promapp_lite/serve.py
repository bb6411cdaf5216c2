"""Waitress with doors, strict HTTP, and an orderly end."""

import contextlib
import ipaddress
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask

from promapp_lite import wire
from promapp_lite.factory import create_app
from promapp_lite.host import frozen, lead, proxy, selfsigned, tls, workers
from promapp_lite.scim.discovery import MAX_BODY
from promapp_lite.scim.errors import ScimError
from promapp_lite.settings import Settings
from promapp_lite.store import backup, copies, follow
from promapp_lite.store.admins import Refused
from promapp_lite.store.db import Store
from promapp_lite.store.opening import open_store, serving_lock
from promapp_lite.web import metrics, watch
from promapp_lite.web.answers import HEADERS, SCIM_JSON

log = logging.getLogger("promapp_lite")

JOIN_SECONDS = 30
SWITCH_SECONDS = 0.001  # a request waits so long at most for a thread that computes; Python's own is 5 ms
PATIENCE = 10  # rounds of the loop that another process has to take a connection
PAUSE = 0.001  # seconds between them
WAITRESS: dict[str, Any] = {
    "ident": None,  # no server version
    "asyncore_use_poll": True,
    "connection_limit": 1000,  # stock is 100: 150 silent connections block everyone
    "channel_timeout": 60,
    "cleanup_interval": 5,
    "channel_request_lookahead": 0,
    "backlog": 1024,
    "max_request_header_size": 64 * 1024,
    "max_request_body_size": MAX_BODY + 1,  # one more, so that the application says it in words
    "log_socket_errors": False,  # a client that went away is no news
}
LENGTH, CODING = b"\r\ncontent-length:", b"\r\ntransfer-encoding:"
ONCE = (b"\r\nhost:", LENGTH, CODING, b"\r\nauthorization:", b"\r\ncontent-type:")


ALONE = workers.Share(workers.counts(1), 0)


class Parser(HTTPRequestParser):
    """Refuses what lets two parties read one message differently (request smuggling, RFC 9112 §6.3, §3.2)."""

    def parse_header(self, header_plus: bytes) -> None:
        """Raise ParsingError for a doubled framing header, or both ways of framing."""
        lower = header_plus.lower()
        for name in ONCE:
            if lower.count(name) > 1:
                raise ParsingError("A header that may be there once was sent twice")
        if LENGTH in lower and CODING in lower:
            raise ParsingError("Both Content-Length and Transfer-Encoding were sent")
        super().parse_header(header_plus)


class Answer(WSGITask):
    """An answer whose head and body leave in one piece: one system call, one packet, one TLS record."""

    def write(self, data: bytes) -> None:
        """Write a part of the answer."""
        if self.wrote_header or not self.complete or self.content_length != len(data) or not self.has_body:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written += len(data)
        self.channel.write_soon(head + data)


class Refusal(ErrorTask):
    """What Waitress refuses before the application sees it, as a SCIM error."""

    def execute(self) -> None:
        """Write the answer and end the connection."""
        error = self.request.error
        detail = f"{HTTPStatus(error.code).phrase}: {error.body}."
        body = wire.dumps(ScimError(error.code, None, detail).body()).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", SCIM_JSON), *HEADERS])
        self.set_close_on_finish()
        method, path = getattr(self.request, "command", "-"), getattr(self.request, "path", "-")
        watch.tell(watch.Seen(time.time(), 0, method, path, None, error.code, None))
        self.content_length = len(body)
        self.write(body)


class Channel(lead.Channel):
    """One connection."""

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal


class SecureChannel(tls.Channel, Channel):
    """One connection over TLS."""


class Fair(lead.Server):
    """A door that leaves a new connection to a process that holds fewer, if that one takes it soon."""

    share = ALONE
    left = 0

    def readable(self) -> bool:
        """Whether there may be connections; asked in each round of the loop."""
        self.share.tell(len(self._map))
        return bool(super().readable())

    def handle_accept(self) -> None:
        """Take a connection, or leave it to another process for this round."""
        if self.share.crowded() and self.left < PATIENCE:
            self.left += 1
            time.sleep(PAUSE)
        else:
            self.left = 0
            super().handle_accept()


class Server(Fair):
    """A plain door."""

    channel_class = Channel


class SecureServer(Fair, tls.Server):
    """An https door."""

    channel_class = SecureChannel


class Door(NamedTuple):
    """An address to listen on."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Door":
        """Read `http://127.0.0.1:8480`; Refused where it is no such address."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Refused(f"{url} is not an address to listen on.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise Refused(f"{url} is not an address to listen on; one looks like http://127.0.0.1:8480.")
        return cls(parts.scheme, parts.hostname, port or {"http": 80, "https": 443}[parts.scheme])

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def bind(self) -> socket.socket:
        """A listening socket; Refused where the address is taken or not this machine's."""
        try:
            family, *_, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            return socket.create_server(address, family=family, backlog=WAITRESS["backlog"])
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise Refused(f"Cannot listen on {self.host} port {self.port}: {why}.") from None


def doors(settings: Settings) -> list[Door]:
    """The doors to open; Refused for plain http that other machines would reach."""
    found = [Door.parse(url) for url in settings.listen]
    for door in found:
        if door.scheme == "http" and not door.loopback and not settings.behind_proxy:
            raise Refused(
                f"http://{door.host}:{door.port} would carry tokens in the clear to other machines. Listen "
                f"on http://127.0.0.1:{door.port}, use an https door, or say "
                f"--behind-proxy when a proxy in front does the TLS."
            )
    return found


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish the requests in hand; Refused where it cannot begin."""
    opened = doors(settings)
    workers.possible(settings.processes)
    store = open_store(settings.data_dir)
    with serving_lock(settings.data_dir):
        shown = certificate(settings) if any(door.scheme == "https" for door in opened) else None
        bound = [(door, door.bind()) for door in opened]
        workers.leave.heed()
        tell(settings, shown)
        frozen.follow_starter()
        if settings.processes > 1:
            store.close()
            serve_with_workers(settings, bound, shown)
        else:
            serve_here(settings, store, bound, shown, ALONE)
        tell_log(store.path)
    log.info("stopped")


def tell_log(database: Path) -> None:
    """Say so where a copy of the database alone would lack what was written last."""
    if left := copies.left_open(database):
        log.warning("another program has %s open: a copy of it needs %s beside it", database, left)


Keeper = Callable[[threading.Event], None]
Bound = list[tuple[Door, socket.socket]]


def serve_here(
    settings: Settings, store: Store, bound: Bound, shown: tls.Shown | None, share: workers.Share
) -> None:
    """Serve in this process; the first of several does the chores for all."""
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings, store)
    leading = lead.Lead({})
    store.aside = leading.aside
    kept: list[Keeper] = [app.extensions["journal"].keep_up, lambda ended: follow.keep_up(store, ended)]
    if share.number == 0:
        kept.append(
            lambda ended: backup.keep_copies(store, settings.keep_backups, ended, settings.activity_days)
        )
    with beside(kept):
        loop(application(app, settings), settings, bound, shown, leading, share)
    store.close()


def serve_with_workers(settings: Settings, bound: Bound, shown: tls.Shown | None) -> None:
    """Serve in several processes that share the doors."""
    counts = workers.counts(settings.processes)

    def work(number: int) -> None:
        share = workers.Share(counts, number)
        serve_here(settings, open_store(settings.data_dir), bound, shown, share)

    with metrics.counted_together():
        workers.run(settings.processes, work)


def certificate(settings: Settings) -> tls.Shown:
    """What https doors show: the given certificate, else the self-signed one, made where it is missing."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise Refused("--tls-cert and --tls-key go together.")
    if settings.tls_cert and settings.tls_key:
        return tls.Shown(tls.Certificate(settings.tls_cert, settings.tls_key))
    return tls.Shown(selfsigned.ensure(settings.data_dir, urlsplit(settings.url or "").hostname))


@contextlib.contextmanager
def beside(keepers: Iterable[Keeper]) -> Iterator[None]:
    """Beside the block run some threads that keep something up until they are told to end."""
    ended = threading.Event()
    threads = [threading.Thread(target=keeper, args=(ended,), daemon=True) for keeper in keepers]
    for each in threads:
        each.start()
    yield
    ended.set()
    for each in threads:
        each.join(JOIN_SECONDS)


def tell(settings: Settings, shown: tls.Shown | None) -> None:
    """Say where the doors are and what to paste into the Azure portal."""
    for url in settings.listen:
        log.info("listening on %s", url)
    if shown:
        log.info("certificate %s, SHA-256 %s", shown.certificate.cert, shown.certificate.fingerprint)
    if settings.behind_proxy and not settings.url:
        log.warning("behind a proxy, say --url https://its.name: Tenant URL and locations begin with it")
    log.info("Tenant URL: %s", settings.tenant_url)


def application(app: Flask, settings: Settings) -> proxy.Application:
    """The application as the doors call it."""
    if settings.behind_proxy:
        return proxy.behind(app, proxy.networks(settings.trusted_proxy))
    return app


def loop(
    app: proxy.Application,
    settings: Settings,
    bound: list[tuple[Door, socket.socket]],
    shown: tls.Shown | None,
    leading: lead.Lead,
    share: workers.Share = ALONE,
    leave: workers.Leave = workers.leave,
) -> None:
    """Run one Waitress loop over all doors; `leading.channels` is what is open, the doors first."""
    channels = leading.channels
    for door, sock in bound:
        server = SERVERS[door.scheme](
            app,
            channels,
            _sock=sock,
            dispatcher=leading,
            adj=adjustments(settings, door, sock),
            bind_socket=False,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
        )
        server.shown = shown
        server.share = share
    try:
        leading.run(settings.threads + 1, leave)  # one waits for requests while the others answer
    finally:
        for channel in [each for each in channels.values() if isinstance(each, Channel)]:
            channel.handle_close()
        wasyncore.close_all(channels)


def adjustments(settings: Settings, door: Door, sock: socket.socket) -> Adjustments:
    """Waitress' settings for one door; what proxies say is cleared unless `proxy` judges it."""
    return Adjustments(
        threads=settings.threads,
        sockets=[sock],
        url_scheme=door.scheme,
        clear_untrusted_proxy_headers=not settings.behind_proxy,
        **WAITRESS,
    )


SERVERS: dict[str, type[Any]] = {"http": Server, "https": SecureServer}
