"""Passwords are hashed two at a time, at a low priority, and few wait: so guessing leaves the API alone.

Each hash takes a third of a second of a core and 128 MB. A request that waits holds a thread of the server,
so the queue is short, and where it is full one of the least likely to be right gives way.
"""

import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import NamedTuple, TypeVar

from promapp_lite.errors import UserError

AT_ONCE, MOST_WAITING = 2, 4
NICE = 15  # a thirtieth of a busy core; the lowest class would never finish during an initial sync
Result = TypeVar("Result")


class Busy(UserError):
    """Too many passwords are being checked."""


class Rank(IntEnum):
    """Whose turn is first."""

    KNOWN = 0  # a browser that has signed in to this account, or an admin at work
    FRESH = 1  # an address that has given no wrong password
    OTHER = 2


class Ticket(NamedTuple):
    """A place in the queue; the smallest is first."""

    rank: Rank
    number: int


class Queue:
    """Who may hash now, who waits, and who gives way."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.running = self.issued = 0
        self.at_once, self.most_waiting = AT_ONCE, MOST_WAITING
        self.waiting: list[Ticket] = []

    def fit(self, threads: int) -> None:
        """Let all who hash and wait hold fewer than so many threads, and never more than six."""
        self.at_once = max(1, min(AT_ONCE, threads - 1))
        self.most_waiting = max(0, min(MOST_WAITING, threads - 1 - self.at_once))

    @contextmanager
    def turn(self, rank: Rank) -> Iterator[None]:
        """A block for one hash, once it is its turn; Busy where it has to give way."""
        with self.changed:
            self.wait(self.join(rank))
            self.running += 1
        try:
            yield
        finally:
            with self.changed:
                self.running -= 1
                self.changed.notify_all()

    def join(self, rank: Rank) -> Ticket:
        """Take a place at the end of one's rank; one of the lowest rank leaves where there are too many."""
        self.issued += 1
        mine = Ticket(rank, self.issued)
        self.waiting.append(mine)
        self.waiting.sort()
        if len(self.waiting) > self.most_waiting + max(0, self.at_once - self.running):
            last = [each for each in self.waiting if each.rank == self.waiting[-1].rank]
            self.waiting.remove(secrets.choice(last))  # else a flood would always keep the queue
            self.changed.notify_all()
        return mine

    def wait(self, mine: Ticket) -> None:
        """Return when it is this one's turn."""
        while mine in self.waiting and (self.running >= self.at_once or mine != self.waiting[0]):
            self.changed.wait()
        if mine not in self.waiting:
            raise Busy("Too many passwords are being checked at this moment. Try again in a few seconds.")
        self.waiting.pop(0)
        self.changed.notify_all()


QUEUE = Queue()


def run(work: Callable[[], Result], rank: Rank) -> Result:
    """The result of a hash, in its turn; all but the known ones' yield the processor to everything else."""
    with QUEUE.turn(rank):
        return work() if rank is Rank.KNOWN else apart(work)


def apart(work: Callable[[], Result]) -> Result:
    """The result of work that is done in a thread of low priority: one cannot be raised again."""
    done: Future[Result] = Future()

    def target() -> None:
        lower()
        try:
            done.set_result(work())
        except BaseException as fault:
            done.set_exception(fault)

    threading.Thread(target=target, name="hash", daemon=True).start()
    return done.result()


def lower() -> None:
    """Give this thread a low priority, where the system has one for threads and allows it."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
