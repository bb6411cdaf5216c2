"""Running the server: opens the listeners, runs the workers, shuts down in order."""

import contextlib
import functools
import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments

from promapp_lite.api import authenticate
from promapp_lite.application import create_app
from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.ops import multiprocess, trusted_proxies
from promapp_lite.scim.limits import BODY, HEADERS
from promapp_lite.server import channels, dispatcher, limits, notify, proxy, supervisor, tls
from promapp_lite.server.balance import BalancedServer
from promapp_lite.server.board import Board
from promapp_lite.server.listeners import Listener, listeners
from promapp_lite.server.parser import Parser
from promapp_lite.server.shutdown import ShutdownSignal, shutdown_signal
from promapp_lite.server.tasks import Answer, Refusal
from promapp_lite.store.engine import Store, sqlite
from promapp_lite.store.opening import LISTENING, open_store, serving_lock
from promapp_lite.system import certificates, frozen, ownership

log = logging.getLogger("promapp_lite")

SWITCH_SECONDS = 0.001  # a request waits so long at most for a thread that computes; Python's own is 5 ms
WAITRESS: dict[str, Any] = {
    "ident": None,  # no server version
    "asyncore_use_poll": True,
    "channel_request_lookahead": 0,
    "backlog": limits.BACKLOG,
    "max_request_header_size": HEADERS,
    "max_request_body_size": BODY + 1,  # one more, so that the application answers it
    "log_socket_errors": False,  # clients that disconnect are not worth a line
}


class Channel(channels.Channel):
    """A plain connection."""

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal


class SecureChannel(tls.Channel, Channel):
    """A connection over TLS."""


class Server(BalancedServer):
    """A plain listener."""

    channel_class = Channel


class SecureServer(BalancedServer, tls.Server):
    """A listener for TLS."""

    channel_class = SecureChannel


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish running requests; UserError if it cannot start."""
    opened = listeners(settings)
    supervisor.possible(settings.processes)
    store = open_store(settings.data_dir, settings.index)
    with ownership.kept(settings.data_dir), serving_lock(settings.data_dir):
        shown = certificate(settings)
        bound = [(listener, listener.bind()) for listener in opened]
        shutdown_signal.install()
        limits.raise_descriptors()
        log_addresses(settings, shown)
        listening = settings.data_dir / LISTENING
        with contextlib.suppress(OSError):  # a full disk keeps nobody from serving
            listening.write_text("\n".join(settings.listen), "utf-8")
        ownership.give_back(settings.data_dir)  # now, as a killed process gives nothing back
        frozen.follow_starter()
        notify.tell(notify.READY)  # the listeners take connections, and all that workers need has been proved
        if settings.processes > 1:
            store.close()
            serve_with_workers(settings, bound, shown)
        else:
            serve_here(settings, store, bound, shown, Board())
        notify.tell(notify.STOPPING)
        warn_if_open(store.path)
        listening.unlink(missing_ok=True)
    log.info("stopped")


def warn_if_open(database: Path) -> None:
    """Warn if a copy of the database file alone would lack the latest writes."""
    if left := sqlite.left_open(database):
        log.warning("another program has %s open: copy %s together with it", database, left)


Bound = list[tuple[Listener, socket.socket]]


def serve_here(
    settings: Settings,
    store: Store,
    bound: Bound,
    shown: tls.ServedCertificate | None,
    board: Board,
) -> None:
    """Serve in this process, with the background jobs."""
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings, store)
    dispatch = dispatcher.Dispatcher({})
    jobs = app.extensions["jobs"]
    jobs.start()
    admits = functools.partial(authenticate.admits, store)
    loop(application(app, settings), settings, bound, shown, dispatch, board, admits=admits)
    jobs.stop()
    store.close()


def serve_with_workers(settings: Settings, bound: Bound, shown: tls.ServedCertificate | None) -> None:
    """Serve in several processes that share the listeners."""
    board = Board(settings.processes)

    def work(number: int) -> None:
        board.join(number)
        store = open_store(settings.data_dir, settings.index)
        serve_here(settings, store, bound, shown, board)

    with multiprocess.counted_together():
        supervisor.run(board, work, [sock for _, sock in bound])


def certificate(settings: Settings) -> tls.ServedCertificate | None:
    """The certificate of the https listeners, None where there are none; a self-signed one is made once."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise UserError("--tls-cert and --tls-key must be given together.")
    files = certificates.configured(settings)
    if files == certificates.of(settings.data_dir):
        certificates.ensure(settings.data_dir, urlsplit(settings.url or "").hostname)
    return tls.ServedCertificate(files) if files else None


def log_addresses(settings: Settings, shown: tls.ServedCertificate | None) -> None:
    """Log the listeners, the certificate and the Tenant URL."""
    for url in settings.listen:
        log.info("listening on %s", url)
    if shown:
        log.info("certificate %s, SHA-256 %s", shown.certificate.cert, shown.certificate.fingerprint)
    if settings.behind_proxy and not settings.url:
        log.warning(
            "--behind-proxy without --url: the Tenant URL and every location need the public https://host"
        )
    log.info("Tenant URL: %s", settings.tenant_url)


def application(app: Flask, settings: Settings) -> trusted_proxies.Application:
    """The application as the listeners call it."""
    if settings.behind_proxy:
        return proxy.behind(app, trusted_proxies.networks(settings.trusted_proxy))
    return app


def loop(
    app: trusted_proxies.Application,
    settings: Settings,
    bound: Bound,
    shown: tls.ServedCertificate | None,
    dispatch: dispatcher.Dispatcher,
    board: Board | None = None,
    stop: ShutdownSignal = shutdown_signal,
    admits: Callable[[str], bool] = bool,
) -> None:
    """Run one Waitress loop over all listeners; `dispatch.channels` holds what is open, listeners first."""
    channels, board = dispatch.channels, board or Board()
    for listener, sock in bound:
        server = SERVERS[listener.scheme](
            app,
            channels,
            _sock=sock,
            dispatcher=dispatch,
            adj=adjustments(settings, listener, sock),
            bind_socket=False,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
        )
        server.shown = shown
        server.board = board
        server.alone = settings.processes == 1
        server.admits = admits
        server.connections = limits.connections()
        if settings.behind_proxy:
            server.exempt = trusted_proxies.networks(settings.trusted_proxy)
    try:
        dispatch.run(settings.threads + 1, stop, board)  # one leads while the others answer
    finally:
        if dispatch.idle:  # else a thread may still write to what would be another file's descriptor
            for channel in [each for each in channels.values() if isinstance(each, Channel)]:
                channel.handle_close()
            wasyncore.close_all(channels)


def adjustments(settings: Settings, listener: Listener, sock: socket.socket) -> Adjustments:
    """Waitress's settings for one listener; proxy headers are cleared unless `proxy` handles them."""
    return Adjustments(
        threads=settings.threads,
        sockets=[sock],
        url_scheme=listener.scheme,
        clear_untrusted_proxy_headers=not settings.behind_proxy,
        **WAITRESS,
    )


SERVERS: dict[str, type[Any]] = {"http": Server, "https": SecureServer}
