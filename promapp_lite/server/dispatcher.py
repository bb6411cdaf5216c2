"""Threads that take turns in leading: the leader waits for requests and answers them itself.

Leader/Followers (Schmidt, O'Ryan, Kircher, Pyarali, Buschmann, 2000). To hand a request to another thread
takes two switches of threads and two of the interpreter, which is more than most answers take. One that takes
long costs its thread the lead, so that nobody waits for a slow answer or a slow disk.
"""

import logging
import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer

from promapp_lite.server.shutdown import ShutdownSignal

log = logging.getLogger("promapp_lite")

READS = ("GET", "HEAD")
TICK_SECONDS = 0.002  # an answer that is seen at two ticks loses the lead
IDLE_SECONDS = 0.05  # between ticks while nothing comes
END_SECONDS = 5  # that the threads have to finish what they have in hand
READ_SECONDS = 20  # without a byte taken, after which a client counts as gone
STUCK_SECONDS = 30  # without a leader, after which the process ends


class Dispatcher:
    """Leadership over the sockets in `channels`, and which thread has it."""

    def __init__(self, channels: dict[int, Any]) -> None:
        self.channels = channels
        self.leadership = (
            threading.Lock()
        )  # whoever holds it leads; it is let go for a leader that takes long
        self.state = threading.Lock()
        self.leader: int | None = None
        self.started = self.answering = self.seen = 0  # requests by number; 0 is none
        self.last = -1  # the file descriptor of the connection that was answered last
        self.contended = False  # the two last requests came over two connections
        self.ended = False
        self.fault: BaseException | None = None
        self.waiting = threading.BoundedSemaphore()  # threads that may wait for clients to read
        self.led = time.monotonic()  # when somebody led last

    def add_task(self, channel: HTTPChannel) -> None:
        """A channel has a request: it answers it once it holds no lock any more, see `Channel.received`."""

    @property
    def leads(self) -> bool:
        """Whether this thread leads."""
        return self.leader == threading.get_ident()

    def run(self, threads: int, stop: ShutdownSignal) -> None:
        """Serve with so many threads until asked to leave, then let them finish what they have in hand."""
        self.waiting = threading.BoundedSemaphore(max(1, threads - 2))
        self.led = time.monotonic()
        crew = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]
        for each in crew:
            each.start()
        try:
            while not (stop.requested or self.fault):
                time.sleep(self.tick())
                self.watch()
        except SystemExit:
            pass
        self.ended = True
        next(each for each in self.channels.values() if isinstance(each, Server)).trigger.pull_trigger()
        until = time.monotonic() + END_SECONDS
        for each in crew:
            each.join(max(0.0, until - time.monotonic()))
        if self.fault:
            raise self.fault

    def work(self) -> None:
        """Lead whenever the lead is free, until the end."""
        while not self.ended:
            self.leadership.acquire()
            self.leader = threading.get_ident()
            try:
                while not self.ended:
                    wasyncore.loop(timeout=1, map=self.channels, use_poll=True, count=1)
            except wasyncore.ExitNow:
                continue  # another leads
            except BaseException as fault:
                self.fault, self.ended = self.fault or fault, True
            if self.leads:
                self.leadership.release()

    def watch(self) -> None:
        """End the process when nobody has led for STUCK_SECONDS: it would never answer again."""
        now = time.monotonic()
        if self.leadership.locked():
            self.led = now
        elif now - self.led > STUCK_SECONDS:
            self.fault = RuntimeError(f"every thread has been stuck for {STUCK_SECONDS} seconds")

    def tick(self) -> float:
        """Take the lead from who answers since before the last tick; seconds to the next one."""
        with self.state:
            started, self.seen = self.seen, self.started
            busy = self.answering or self.started != started
            if self.answering and self.answering == started:
                self.hand_over()
            return TICK_SECONDS if busy else IDLE_SECONDS

    def yield_leadership(self) -> None:
        """Let another lead, if this thread does."""
        if not self.leads:
            return
        with self.state:
            if self.leads:
                self.hand_over()

    def hand_over(self) -> None:
        """Take the lead from who has it, for the next thread; call it while holding `change`."""
        self.leader, self.answering = None, 0
        self.leadership.release()

    def answer(self, channel: HTTPChannel) -> None:
        """Answer the request of a channel; ExitNow when this thread has lost the lead over it."""
        number = channel.socket.fileno()
        self.channels[number] = self.channels.pop(number)  # last in line now: who leads begins with the first
        self.contended, self.last = number != self.last, number
        self.started += 1
        self.answering = self.started
        if self.contended and getattr(channel.requests[0], "command", "") not in READS:
            self.yield_leadership()  # it may have to wait for the disk
        try:
            channel.service()
        except BaseException:
            log.exception("answering %r", channel)
            channel.cancel()
        with self.state:
            if self.leads:
                self.answering = 0
                return
        channel.server.pull_trigger()
        raise wasyncore.ExitNow


class Channel(HTTPChannel):
    """A connection whose requests are answered by the thread that reads them, one at a time.

    What comes behind a request stays unparsed until its answer has been sent: a client that asks much and
    reads nothing holds no thread and little memory.
    """

    unparsed = b""

    def readable(self) -> bool:
        """Whether more may be asked: nothing is in hand, unsent or unparsed."""
        return not self.unparsed and bool(super().readable())

    def writable(self) -> bool:
        """Whether there is something to send, or the next request to take up."""
        return bool(super().writable()) or self.pending()

    def pending(self) -> bool:
        """Whether requests have come behind the one answered last, and it has been sent."""
        return bool(self.unparsed) and not (self.requests or self.total_outbufs_len)

    def handle_write(self) -> None:
        """Send, and take up the next request when all is sent."""
        super().handle_write()
        if self.connected and self.pending():
            self.received(b"")

    def received(self, data: bytes) -> bool:
        """Take what has come up to the end of a request, and answer that."""
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
            request = self.request = self.request or self.parser_class(self.adj)
            data = data[request.received(data) :]
            if request.completed:
                self.request, self.sent_continue = None, False
                if not request.empty:
                    self.requests.append(request)
            elif request.expect_continue and request.headers_finished and not self.sent_continue:
                self.send_continue()
        return data

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait until the client has read some of a long answer; ClientDisconnected when it reads nothing.

        Whoever waits does not lead, and somebody always can: the others keep the answer in a file instead.
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
    """A door; a leader that answers needs no trigger, as it looks at all connections again after that."""

    def maintenance(self, now: float) -> None:
        """End the connections that are to be closed, also those that cannot be written to any more."""
        super().maintenance(now)
        for channel in list(self.active_channels.values()):
            if channel.will_close:
                channel.handle_close()

    def pull_trigger(self) -> None:
        """Wake the leader."""
        if not (self.task_dispatcher.leads or self.task_dispatcher.answering):
            super().pull_trigger()
