"""The queue for passwords: how many are hashed and wait, who is first, and who gives way."""

import os
import sys
import threading
import time

import pytest

from promapp_lite.store.access import hashing
from promapp_lite.store.access.hashing import Busy, Queue, Rank


class Crowd:
    """Threads that want a turn each, and the order in which they get it."""

    def __init__(self, queue):
        self.queue, self.got, self.refused, self.threads = queue, [], [], []
        self.go_on = threading.Semaphore(0)

    def add(self, name, rank):
        """One more; return when it runs, waits or was refused."""
        before = self.queue.issued
        thread = threading.Thread(target=self.one, args=(name, rank))
        thread.start()
        self.threads.append(thread)
        while self.queue.issued == before:
            time.sleep(0.001)
        self.settle()

    def settle(self):
        """Return when all have found their place."""
        for _ in range(5000):
            with self.queue.changed:
                placed = len(self.queue.waiting) + len(self.got) + len(self.refused)
                full = self.queue.running >= self.queue.at_once or not self.queue.waiting
            if placed >= len(self.threads) and full:
                return
            time.sleep(0.001)
        raise AssertionError("they never settled")

    def one(self, name, rank):
        """Take a turn and hold it."""
        try:
            with self.queue.turn(rank):
                self.got.append(name)
                self.go_on.acquire()
        except Busy:
            self.refused.append(name)

    def end(self):
        """Let one after the other go on."""
        for _ in self.threads:
            self.go_on.release()
            time.sleep(0.02)
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()


def test_two_at_a_time_and_four_wait():
    """When the seventh comes one that waits is refused; all others get their turn, in order."""
    crowd = Crowd(Queue())
    for number in range(7):
        crowd.add(number, Rank.OTHER)
    assert crowd.got == [0, 1] and len(crowd.refused) == 1
    crowd.end()
    assert crowd.got == [number for number in range(7) if number not in crowd.refused]


def test_a_flood_does_not_keep_the_queue():
    """Who is refused is drawn by lot, so that a newcomer has a chance against those who came first."""
    crowd = Crowd(Queue())
    for number in range(60):
        crowd.add(number, Rank.FRESH)
    assert crowd.queue.waiting != [(Rank.FRESH, number) for number in range(3, 7)]
    crowd.end()


def test_the_likely_go_first_and_push_out_the_others():
    """A known browser is never refused for guessers, nor an address that has given no wrong password."""
    crowd = Crowd(Queue())
    for number in range(6):
        crowd.add(number, Rank.OTHER)
    crowd.add("fresh", Rank.FRESH)
    crowd.add("known", Rank.KNOWN)
    assert len(crowd.refused) == 2 and set(crowd.refused) <= {2, 3, 4, 5}
    crowd.end()
    left = [number for number in range(2, 6) if number not in crowd.refused]
    assert crowd.got == [0, 1, "known", "fresh", *left]


@pytest.mark.parametrize(("threads", "held"), [(1, 1), (2, 1), (3, 2), (4, 3), (7, 6), (64, 6)])
def test_a_thread_is_left(threads, held):
    """Passwords never hold all threads of a process that has more than one."""
    queue = Queue()
    queue.fit(threads)
    crowd = Crowd(queue)
    for number in range(8):
        crowd.add(number, Rank.FRESH)
    assert len(crowd.got) + len(queue.waiting) == held
    crowd.end()


def nice():
    """The priority of this thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no class of their own elsewhere")
def test_guesses_yield_the_processor():
    """Only the thread of the hash is lowered, and not that of a known browser."""
    own = nice()
    assert [hashing.run(nice, rank) for rank in Rank] == [own, max(own, hashing.NICE), max(own, hashing.NICE)]
    assert nice() == own


def test_a_fault_is_the_callers():
    """What goes wrong in the other thread is raised here, and the turn is given back."""
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            hashing.run(lambda: 1 / 0, Rank.OTHER)
    assert hashing.QUEUE.running == 0 and hashing.QUEUE.waiting == []
