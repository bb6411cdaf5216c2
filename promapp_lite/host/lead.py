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
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from promapp_lite.host.workers import Leave

log = logging.getLogger("promapp_lite")

TICK_SECONDS = 0.002  # an answer that is seen at two ticks loses the lead
IDLE_SECONDS = 0.05  # between ticks while nothing comes
END_SECONDS = 5  # that the threads have to finish what they have in hand


class Lead:
    """The lead over the sockets in `channels`, and who has it. Waitress knows it as its dispatcher."""

    def __init__(self, channels: dict[int, Any]) -> None:
        self.channels = channels
        self.free = threading.Lock()  # whoever holds it leads; it is let go for a leader that takes long
        self.change = threading.Lock()
        self.leader: int | None = None
        self.begun = self.answering = self.seen = 0  # requests by number; 0 is none
        self.last = -1  # the file descriptor of the connection that was answered last
        self.several = False  # the two last requests came over two connections
        self.ended = False
        self.fault: BaseException | None = None

    def add_task(self, channel: HTTPChannel) -> None:
        """A channel has a request: it answers it once it holds no lock any more, see `Channel.received`."""

    @property
    def mine(self) -> bool:
        """Whether this thread leads."""
        return self.leader == threading.get_ident()

    def run(self, threads: int, leave: Leave) -> None:
        """Serve with so many threads until asked to leave, then let them finish what they have in hand."""
        crew = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]
        for each in crew:
            each.start()
        try:
            while not (leave.asked or self.fault):
                time.sleep(self.tick())
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
            self.free.acquire()
            self.leader = threading.get_ident()
            try:
                while not self.ended:
                    wasyncore.loop(timeout=1, map=self.channels, use_poll=True, count=1)
            except wasyncore.ExitNow:
                continue  # another leads
            except BaseException as fault:
                self.fault, self.ended = fault, True
            self.free.release()

    def tick(self) -> float:
        """Take the lead from who answers since before the last tick; seconds to the next one."""
        with self.change:
            begun, self.seen = self.seen, self.begun
            busy = self.answering or self.begun != begun
            if self.answering and self.answering == begun:
                self.lose()
            return TICK_SECONDS if busy else IDLE_SECONDS

    def aside(self) -> None:
        """Let another lead where this thread may have to wait and several connections ask."""
        if not (self.several and self.mine):
            return
        with self.change:
            if self.mine:
                self.lose()

    def lose(self) -> None:
        """Take the lead from who has it, for the next thread; call it while holding `change`."""
        self.leader, self.answering = None, 0
        self.free.release()

    def answer(self, channel: HTTPChannel) -> None:
        """Answer what a channel was asked; ExitNow when this thread has lost the lead over it."""
        number = channel.socket.fileno()
        self.channels[number] = self.channels.pop(number)  # last in line now: who leads begins with the first
        self.several, self.last = number != self.last, number
        self.begun += 1
        self.answering = self.begun
        try:
            for _ in range(len(channel.requests)):  # once they are done, another leader may read the next
                if channel.requests:  # an answer that closes drops those behind it
                    channel.service()
        except BaseException:
            log.exception("answering %r", channel)
            channel.cancel()
        with self.change:
            if self.mine:
                self.answering = 0
                return
        channel.server.pull_trigger()
        raise wasyncore.ExitNow


class Channel(HTTPChannel):
    """A connection whose requests are answered by the thread that reads them."""

    def received(self, data: bytes) -> bool:
        """Take what has come, and answer it when it is whole."""
        taken = bool(super().received(data))
        if self.requests:
            self.server.task_dispatcher.answer(self)
        return taken


class Server(TcpWSGIServer):
    """A door; a leader that answers needs no trigger, as it looks at all connections again after that."""

    def pull_trigger(self) -> None:
        """Wake the leader."""
        if not (self.task_dispatcher.mine or self.task_dispatcher.answering):
            super().pull_trigger()
