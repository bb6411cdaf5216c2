"""Connections and listeners, on Waitress's channel and server: deadlines, and fair shares for clients."""

import contextlib
import errno
import logging
import socket
import time
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer

from promapp_lite import addresses
from promapp_lite.ops.trusted_proxies import Network, trusts
from promapp_lite.server import limits

log = logging.getLogger("promapp_lite")

NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PAUSE_SECONDS = 0.5  # without accepting, when there is no descriptor left
WINDOW_SECONDS = 10  # over which a rate is measured
DRAIN_SECONDS = 1  # that a quiet connection is kept at the end, as its next request may be under way
READ_SECONDS = 20  # without a byte read, after which a thread no longer waits for a client
DISCARD_BYTES = 64 * 1024
DEADLINES = {
    "handshake": limits.HANDSHAKE_SECONDS,
    "header": limits.HEADER_SECONDS,
    "idle": limits.IDLE_SECONDS,
    "linger": limits.LINGER_SECONDS,
}
RATED = ("body", "unsent")


class Channel(HTTPChannel):
    """A connection whose requests are answered by the thread that reads them, one at a time.

    What comes behind a request stays unparsed until its answer has been sent: a client that asks much and
    reads nothing holds no thread and little memory.
    """

    request: Any = None  # the one that has not come whole yet
    sent_continue = False
    unparsed = b""
    share = ""  # whether its request is WAITING for a thread
    writes = False  # its request may write
    early = False  # refused before all of it had come
    lingering = False  # what still comes is thrown away, so that the client gets to see the refusal
    secured = True  # the TLS handshake is done
    number = 0  # of requests begun
    moved = 0  # bytes, in and out
    seen: tuple[str, int, float, int] = ("", 0, 0.0, 0)  # phase, request, since when, bytes moved by then
    quiet: float | None = None  # since when there has been nothing to do, while the service stops
    caller = ""

    def __init__(self, server: Any, sock: Any, address: Any, *rest: Any, **facts: Any) -> None:
        self.address = addresses.client(address[0])
        self.touched = time.monotonic()  # when it was opened, or its last request came
        super().__init__(server, sock, address, *rest, **facts)

    def readable(self) -> bool:
        """Whether more may be asked: nothing is in hand, unsent or unparsed."""
        return self.lingering or (not self.unparsed and bool(super().readable()))

    def writable(self) -> bool:
        """Whether there is something to send, or a request to take up."""
        return bool(super().writable()) or self.pending()

    def pending(self) -> bool:
        """Whether a request has come already that can be taken up now."""
        return bool(self.unparsed) and not (self.requests or self.total_outbufs_len)

    def handle_read(self) -> None:
        """Take what has come, or throw it away."""
        if not self.lingering:
            super().handle_read()
            return
        try:
            over = not self.recv(DISCARD_BYTES)
        except OSError:
            over = True
        if over:
            self.handle_close()

    def handle_write(self) -> None:
        """Send, and take up the next request when all is sent."""
        if self.close_when_flushed and self.early and not self.total_outbufs_len:
            self.linger()
            return
        super().handle_write()
        if self.connected and self.pending():
            self.proceed(b"")

    def linger(self) -> None:
        """Close our side only: closing both would throw away an answer that the client has not read yet."""
        self.close_when_flushed, self.lingering = False, True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How many bytes went out."""
        sent = int(super().send(data, do_close=do_close))
        self.moved += sent
        return sent

    def received(self, data: bytes) -> bool:
        """Take what has come up to the end of a request, and answer that."""
        self.moved += len(data)
        return self.proceed(data)

    def proceed(self, data: bytes) -> bool:
        """Parse the next request as far as it has come; answer it when it is whole."""
        with self.requests_lock:
            if self.will_close or self.close_when_flushed:
                return False
            self.unparsed = self.parse(self.unparsed + data)
        if self.requests:
            self.server.task_dispatcher.answer(self)
        return True

    def parse(self, data: bytes) -> bytes:
        """Parse at most one request; what comes behind it."""
        while data and not self.requests:
            if self.request is None:
                self.request = self.parser_class(self.adj)
                self.number += 1
            request = self.request
            data = data[request.received(data) :]
            if request.headers_finished and not request.completed:
                self.judge(request)
            if request.completed:
                self.take_up(request)
            elif request.expect_continue and request.headers_finished and not self.sent_continue:
                self.send_continue()
        return data

    def judge(self, request: Any) -> None:
        """Let a large body come only from a caller with a live token; others are answered without it."""
        if (
            request.judged
            or max(request.content_length, request.body_bytes_received) <= limits.FREE_BODY_BYTES
        ):
            return
        request.judged = True
        if not self.server.admits(request.headers.get("AUTHORIZATION", "")):
            request.close()
            request.body_rcv = None
            request.headers |= {"CONTENT_LENGTH": "0", "CONNECTION": "close"}
            request.completed = self.early = True

    def take_up(self, request: Any) -> None:
        """A request has come whole."""
        self.request, self.sent_continue = None, False
        if not request.empty:
            self.touched = time.monotonic()
            self.caller = request.headers.get("AUTHORIZATION") or self.address
            self.requests.append(request)

    def phase(self) -> str:
        """What the connection waits for."""
        if not self.secured:
            return "handshake"
        if self.lingering:
            return "linger"
        if self.total_outbufs_len:
            return "unsent"
        if self.requests:
            return "serving"
        if self.request is None:
            return "idle"
        return "body" if self.request.headers_finished else "header"

    def expire(self, now: float) -> None:
        """Close the connection if its time is up, also one that cannot be written to any more."""
        if self.will_close or self.overdue(now):
            self.handle_close()

    def overdue(self, now: float) -> bool:
        """Whether the client has taken longer than it may; asked every LOOK_SECONDS."""
        phase, number, since, moved = self.seen
        if (current := (self.phase(), self.number)) != (phase, number):
            self.seen = (*current, now, self.moved)
            return False
        elapsed = now - since
        if phase in RATED and elapsed > limits.GRACE_SECONDS:
            slow = self.moved - moved < limits.BYTES_A_SECOND * elapsed
            if elapsed > WINDOW_SECONDS:
                self.seen = (phase, number, now, self.moved)
            return slow
        return phase in DEADLINES and elapsed > DEADLINES[phase]

    def handle_close(self) -> None:
        """Close the connection; its request no longer waits for a thread."""
        if self.share:
            self.server.task_dispatcher.forget(self)
        super().handle_close()

    def drain(self) -> bool:
        """While the service stops: whether there is something to wait for; a quiet connection is closed."""
        if self.phase() != "idle" or self.unparsed:
            self.quiet = None
            return True
        now = time.monotonic()
        self.quiet = self.quiet or now
        if now - self.quiet < DRAIN_SECONDS:
            return True
        self.handle_close()
        return False

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait until the client has read some of a long answer; ClientDisconnected when it reads nothing.

        A thread that waits does not lead, and not all may wait: the others keep the answer in a file instead.
        """
        if self.total_outbufs_len <= self.adj.outbuf_high_watermark:
            return
        dispatcher = self.server.task_dispatcher
        if not dispatcher.waiting.acquire(blocking=False):
            return
        try:
            dispatcher.yield_leadership()
            self.wait_for_reader()
        finally:
            dispatcher.waiting.release()

    def wait_for_reader(self) -> None:
        """Return when little enough is unsent; call it while holding `outbuf_lock`."""
        while self.connected and self.total_outbufs_len > self.adj.outbuf_high_watermark:
            unsent = self.total_outbufs_len
            self.server.pull_trigger()
            if not self.outbuf_lock.wait(READ_SECONDS) and self.total_outbufs_len >= unsent:
                self.will_close = True
                raise ClientDisconnected


class Server(TcpWSGIServer):
    """A listener. It accepts every connection; beyond a limit it closes the one that is idle longest.

    Where all are being answered it refuses the new one.
    """

    accepting = False
    connections = limits.CONNECTIONS  # at most in this process
    per_address = limits.CONNECTIONS_PER_ADDRESS
    exempt: Sequence[Network] = ()  # trusted proxies
    paused_until = until = 0.0
    alone = True  # no other process listens on this socket

    def admits(self, authorization: str) -> bool:
        """Whether a large body may come with this Authorization header; `run` asks the application."""
        return bool(authorization)

    def readable(self) -> bool:
        """Whether connections may be accepted; asked in each round of the loop."""
        return bool(self.accepting) and time.monotonic() >= self.paused_until

    def handle_accept(self) -> None:
        """Accept a connection and make room for it; without a free descriptor wait a little."""
        try:
            accepted = self.accept()
        except OSError as error:
            if error.errno in NO_ROOM:
                log.error("cannot accept connections: %s", error.strerror)
                self.paused_until = time.monotonic() + PAUSE_SECONDS
            return
        if accepted is None:
            return
        sock, address = accepted
        with contextlib.suppress(OSError):
            self.set_socket_options(sock)
        if not self.make_room(address[0]):
            sock.close()
            return
        self.channel_class(self, sock, self.fix_addr(address), self.adj, map=self._map)

    def make_room(self, host: str) -> bool:
        """Close the longest waiting connection of an address that has its share, or of the largest one.

        False where none waits: one connection more could be one more than the system can watch.
        """
        every = [each for each in self._map.values() if isinstance(each, Channel)]
        if len(every) < min(self.connections, self.per_address):
            return True
        counts = Counter(each.address for each in every)
        address = addresses.client(host)
        if counts[address] >= self.per_address and not trusts(self.exempt, host):
            return self.close_one(every, address)
        if len(every) >= self.connections:
            return self.close_one(every, counts.most_common(1)[0][0])
        return True

    def close_one(self, every: list[Channel], address: str) -> bool:
        """Close an address's connection that is idle longest and is not being answered; False without one."""
        waiting = [
            each for each in every if each.address == address and not (each.requests or each.will_close)
        ]
        if waiting:
            min(waiting, key=attrgetter("touched")).will_close = True
            self.task_dispatcher.next_look = 0.0
        return bool(waiting)

    def drain(self) -> bool:
        """While the process stops: accept who comes until the socket is shut, or for DRAIN_SECONDS.

        The supervisor shuts it when the service stops; when one worker does, the others go on listening.
        """
        now = time.monotonic()
        self.until = self.until or now + DRAIN_SECONDS
        if self.accepting and now >= self.until:
            self.accepting = False
            if self.alone:
                with contextlib.suppress(OSError):
                    self.socket.shutdown(socket.SHUT_RD)
        return bool(self.accepting)

    def handle_close(self) -> None:
        """Listen no more: another process has shut the socket. The trigger stays, as threads may pull it."""
        self.accepting = False

    def pull_trigger(self) -> None:
        """Wake the leader; one that answers looks at all connections again after that anyway.

        Not at the end: the trigger's descriptor may be closed then, and be another file's.
        """
        dispatcher = self.task_dispatcher
        if not (dispatcher.leads or dispatcher.answering or dispatcher.ended):
            super().pull_trigger()
