"""Leader/followers: the thread that waits for requests answers what it reads; a slow one hands leadership on.

After Schmidt, O'Ryan, Kircher, Pyarali and Buschmann, 2000. Passing a request to another thread takes two
context switches and two handovers of the interpreter lock, longer than most answers take.

Three rules keep it alive. The leader never waits for a client, a lock or the disk. When all threads are
busy, a reserve thread leads and answers only clients that have no request running: no client, and no kind
of work, holds all threads. A process in which no thread leads for STUCK_SECONDS ends, and is replaced.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.trigger import trigger

from promapp_lite.server import notify
from promapp_lite.server.board import Board
from promapp_lite.server.shutdown import ShutdownSignal

log = logging.getLogger("promapp_lite")

READS = ("GET", "HEAD")
TICK_SECONDS = 0.002  # a request still running at the second tick hands leadership on
WRITES = " writes"  # counted beside callers, which are headers and addresses without a leading blank
WAITING = "waiting"  # what a connection knows of its postponed request
IDLE_SECONDS = 0.05  # between ticks while nothing comes
END_SECONDS = 12  # that the threads have to finish what they have in hand
STUCK_SECONDS = 30
RESERVE_SECONDS = 0.02  # between two looks whether the thread in reserve is still needed
LOOK_SECONDS = 1  # between two looks for connections whose time is up


class Dispatcher:
    """Which thread leads over the sockets in `channels`, and how many threads each client may use."""

    def __init__(self, channels: dict[int, Any]) -> None:
        self.channels = channels
        self.leadership = threading.Lock()  # held by the leader; released when it is slow
        self.state = threading.Lock()
        self.leader: int | None = None
        self.started = self.answering = self.seen = 0  # requests by number; 0 is none
        self.last = -1  # the descriptor of the connection answered last
        self.contended = False  # the last two requests came over two connections
        self.stopping = self.ended = False
        self.idle = False  # all threads have ended
        self.fault: BaseException | None = None
        self.led = time.monotonic()  # when a thread last led
        self.next_look = 0.0
        self.threads = 1  # without the one in reserve
        self.in_hand = 0  # requests that are being answered
        self.busy: Counter[str] = Counter()  # of these, by caller, and by WRITES
        self.needed = threading.Event()  # the thread in reserve is
        self.reserve: int | None = None
        self.postponed: deque[HTTPChannel] = deque()  # with a request that would be one too many
        self.waiting = threading.BoundedSemaphore()  # threads that may wait for clients to read

    def add_task(self, channel: HTTPChannel) -> None:
        """No-op; `Channel.received` serves the request once `requests_lock` is released."""

    @property
    def leads(self) -> bool:
        """Whether this thread leads."""
        return self.leader == threading.get_ident()

    def run(self, threads: int, stop: ShutdownSignal, board: Board) -> None:
        """Serve with so many threads, and one in reserve, until asked to stop; then let them finish.

        While a thread leads, the board records that this process is alive.
        """
        self.threads = threads
        self.waiting = threading.BoundedSemaphore(max(1, threads - 2))
        self.led = self.told = time.monotonic()
        workers = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]
        reserve_thread = threading.Thread(target=self.lead_in_reserve, daemon=True)
        for each in (*workers, reserve_thread):
            each.start()
        try:
            while not (stop.requested or self.fault):
                time.sleep(self.tick())
                self.watch(board)
        except SystemExit:
            pass
        self.finish(workers, reserve_thread)

    def finish(self, workers: list[threading.Thread], reserve_thread: threading.Thread) -> None:
        """Take nothing new, answer what was asked, end the threads; raise what ended the service."""
        self.stopping = True
        until = time.monotonic() + END_SECONDS
        self.wake()
        while time.monotonic() < until and not self.fault and any(each.is_alive() for each in workers):
            time.sleep(self.tick())
        self.ended = True
        self.needed.set()
        self.wake()
        for each in (*workers, reserve_thread):
            each.join(max(0.1, until - time.monotonic()))
        self.idle = not any(each.is_alive() for each in (*workers, reserve_thread))
        if self.fault:
            raise self.fault

    def wake(self) -> None:
        """Have the leader look at all connections again."""
        for each in list(self.channels.values()):
            if isinstance(each, trigger):
                each.pull_trigger()
                return

    def work(self) -> None:
        """Lead whenever leadership is free, until the end."""
        while not self.ended:
            self.leadership.acquire()
            self.lead(lambda: True, 0.1 if self.stopping else 1)

    def lead_in_reserve(self) -> None:
        """Lead while all other threads are busy and none of them leads."""
        self.reserve = threading.get_ident()
        while not self.ended:
            self.needed.wait()
            self.needed.clear()
            if self.leadership.acquire(blocking=False):
                self.lead(lambda: self.in_hand >= self.threads, RESERVE_SECONDS)

    def lead(self, go_on: Callable[[], bool], seconds: float) -> None:
        """Lead, looking up after so many seconds at the most, until the end or leadership is lost."""
        self.leader = threading.get_ident()
        try:
            while not self.ended and go_on():
                self.look(time.monotonic())
                wasyncore.loop(timeout=seconds, map=self.channels, use_poll=True, count=1)
                self.ended = self.ended or (self.stopping and self.drained())
        except wasyncore.ExitNow:
            return  # another thread leads
        except BaseException as fault:
            self.fault, self.ended = self.fault or fault, True
        with self.state:
            if self.leads:
                self.hand_over()

    def look(self, now: float) -> None:
        """Close the connections whose time is up.

        Between two rounds of the loop: within one, a descriptor that is closed can be another's already.
        """
        if now >= self.next_look:
            self.next_look = now + LOOK_SECONDS
            for each in list(self.channels.values()):
                if expire := getattr(each, "expire", None):
                    expire(now)

    def drained(self) -> bool:
        """Close listeners and connections that are done; whether none is left."""
        left = False
        for each in list(self.channels.values()):
            drain = getattr(each, "drain", None)
            left = (drain is not None and drain()) or left
        return not left and not self.in_hand

    def watch(self, board: Board) -> None:
        """End the process when no thread has led for STUCK_SECONDS: it would never answer again."""
        now = time.monotonic()
        if self.leadership.locked():
            self.led = now
            board.beat()
            if now - self.told > LOOK_SECONDS:
                self.told = now
                notify.tell(notify.ALIVE)
            return
        if now - self.led > RESERVE_SECONDS:
            self.needed.set()
        if now - self.led > STUCK_SECONDS:
            self.fault = RuntimeError(f"every thread has been stuck for {STUCK_SECONDS} seconds")

    def tick(self) -> float:
        """Hand leadership on if its request ran at the last tick already; seconds to the next tick."""
        with self.state:
            started, self.seen = self.seen, self.started
            busy = self.answering or self.started != started
            if self.answering and self.answering == started:
                self.hand_over()
            return TICK_SECONDS if busy else IDLE_SECONDS

    def yield_leadership(self) -> None:
        """Let another thread lead, if this one does."""
        with self.state:
            if self.leads:
                self.hand_over()

    def hand_over(self) -> None:
        """Release the leader's leadership; call it while holding `state`."""
        self.leader, self.answering = None, 0
        self.leadership.release()

    def answer(self, channel: Any) -> None:
        """Answer the request of a channel, if its caller may have a thread, and those that waited for it.

        Raise ExitNow when this thread no longer leads.
        """
        if not self.admitted(channel):
            return
        number = channel.socket.fileno()
        self.channels[number] = self.channels.pop(number)  # last in line: a leader begins with the first
        self.contended, self.last = number != self.last, number
        self.started += 1
        self.answering = self.started
        if channel.writes and self.contended:
            self.yield_leadership()  # it may have to wait for the disk
        following: Any = channel
        while following is not None:
            channel = following
            self.serve(channel)
            following = self.release(channel)
            if not self.leads:
                channel.server.pull_trigger()  # the leader looks at this connection again
        with self.state:
            if self.leads:
                self.answering = 0
                return
        raise wasyncore.ExitNow

    def serve(self, channel: Any) -> None:
        """Answer the request of a channel; what goes wrong ends the connection and nothing else."""
        try:
            channel.service()
        except BaseException:
            log.exception("answering %r", channel)
            channel.cancel()

    def admitted(self, channel: Any) -> bool:
        """Whether a request may have a thread now; otherwise it waits for others of its caller or kind."""
        with self.state:
            channel.writes = getattr(channel.requests[0], "command", "GET") not in READS
            if self.count_in(channel):
                return True
            channel.share = WAITING
            self.postponed.append(channel)
            return False

    def count_in(self, channel: Any) -> bool:
        """Count a request in; not where the thread in reserve would answer a caller, or a write, too many."""
        if threading.get_ident() == self.reserve:
            if self.busy[channel.caller] or (channel.writes and self.busy[WRITES]):
                return False
        self.in_hand += 1
        self.busy[channel.caller] += 1
        self.busy[WRITES] += channel.writes
        return True

    def release(self, channel: Any) -> Any:
        """Count a request out and the first that waited for it in: the channel to answer next, or None."""
        with self.state:
            self.busy[channel.caller] -= 1
            if not self.busy[channel.caller]:
                del self.busy[channel.caller]
            self.busy[WRITES] -= channel.writes
            self.in_hand -= 1
            for each in self.postponed:
                if self.count_in(each):
                    self.postponed.remove(each)
                    each.share = ""
                    return each
        return None

    def forget(self, channel: Any) -> None:
        """A connection has ended; its request no longer waits."""
        with self.state:
            if channel.share == WAITING:
                channel.share = ""
                self.postponed.remove(channel)
