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
    """The seventh is refused at once; all others get their turn, in order."""
    crowd = Crowd(Queue())
    for number in range(7):
        crowd.add(number, Rank.OTHER)
    assert crowd.got == [0, 1] and crowd.refused == [6]
    crowd.end()
    assert crowd.got == [0, 1, 2, 3, 4, 5]


def test_the_likely_go_first_and_push_out_the_others():
    """A known browser is never refused for guessers, nor an address that has given no wrong password."""
    crowd = Crowd(Queue())
    for number in range(6):
        crowd.add(number, Rank.OTHER)
    crowd.add("fresh", Rank.FRESH)
    crowd.add("known", Rank.KNOWN)
    assert crowd.refused == [5, 4]
    crowd.end()
    assert crowd.got == [0, 1, "known", "fresh", 2, 3]


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


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no class of their own elsewhere")
def test_guesses_yield_the_processor():
    """Only the thread of the hash is lowered, and not that of a known browser."""
    classes = [hashing.run(lambda: os.sched_getscheduler(0), rank) for rank in Rank]
    assert classes == [os.SCHED_OTHER, os.SCHED_IDLE, os.SCHED_IDLE]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_fault_is_the_callers():
    """What goes wrong in the other thread is raised here, and the turn is given back."""
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            hashing.run(lambda: 1 / 0, Rank.OTHER)
    assert hashing.QUEUE.running == 0 and hashing.QUEUE.waiting == []
