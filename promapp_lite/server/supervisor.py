"""Several worker processes behind one listening socket: one interpreter runs on one core only.

The parent opens the listeners and holds the folder's lock, forks the workers, starts another in the place of
one that died or hangs, and passes on SIGTERM. A worker ends when its parent does, however that ended.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from promapp_lite.errors import UserError
from promapp_lite.server.board import Board
from promapp_lite.server.shutdown import shutdown_signal

log = logging.getLogger("promapp_lite")

LOOK_SECONDS = 1.0  # between two looks at the workers
SILENT_SECONDS = 10  # after which a worker counts as stuck
YOUNG_SECONDS, MOST_FAILURES = 30, 5  # so many workers that die younger than that end the service
SHUT_SECONDS = 0.2  # in which workers accept who has connected already, before the listeners are shut
END_SECONDS = 30  # that workers have to finish what they have in hand


def possible(count: int) -> None:
    """UserError for several processes where the system cannot fork."""
    if count > 1 and not hasattr(os, "fork"):
        raise UserError("--processes needs Linux or macOS; leave it out on this system.")


def run(board: Board, work: Callable[[int], None], listening: Sequence[socket.socket]) -> None:
    """Run work(0), work(1), …, a process for each line of the board, until SIGTERM or Ctrl-C.

    UserError when workers die as soon as they have begun, again and again.
    """
    alive, ended = os.pipe()  # the workers read the end of this process from it
    try:
        Workers(board, lambda number: start(lambda: work(number), alive, ended)).keep(listening)
    finally:
        os.close(ended)
        os.close(alive)


class Workers:
    """The running workers: their process ids, their lines on the board and when they were started."""

    def __init__(self, board: Board, begin: Callable[[int], int]) -> None:
        self.board, self.begin = board, begin
        self.running: dict[int, tuple[int, float]] = {}
        self.failed = 0  # workers that died young, one after another

    def keep(self, listening: Sequence[socket.socket]) -> None:
        """Keep one running for each line until this process is asked to end, then end them."""
        try:
            for number in range(len(self.board.held)):
                self.add(number)
            while not shutdown_signal.requested and self.failed < MOST_FAILURES:
                time.sleep(LOOK_SECONDS)
                self.kill_silent()
                self.replace_dead()
        except SystemExit:
            pass
        end(dict.fromkeys(self.running, 0), listening)
        if self.failed >= MOST_FAILURES:
            raise UserError("Worker processes keep ending right after they start; see the log above.")

    def add(self, number: int) -> None:
        """Start a worker for a line of the board."""
        self.board.beats[number] = time.monotonic()
        self.running[self.begin(number)] = number, time.monotonic()

    def kill_silent(self) -> None:
        """End the workers that have not been alive for SILENT_SECONDS: stopped, or stuck for good."""
        for worker, (number, _) in self.running.items():
            if self.board.silent(number) > SILENT_SECONDS:
                log.error(
                    "worker process %d has not responded for %d seconds, killing it", worker, SILENT_SECONDS
                )
                os.kill(worker, signal.SIGKILL)

    def replace_dead(self) -> None:
        """Start others in the place of those that have ended."""
        for worker, how in gone(self.running):
            number, started = self.running.pop(worker)
            young = time.monotonic() - started < YOUNG_SECONDS
            self.failed = self.failed + 1 if young else 0
            log.error("worker process %d ended (%s)", worker, how)
            if self.failed < MOST_FAILURES:
                self.add(number)


def gone(workers: Iterable[int]) -> list[tuple[int, str]]:
    """The workers that have ended, and how."""
    found = [os.waitpid(worker, os.WNOHANG) for worker in list(workers)]
    return [(worker, ended_how(os.waitstatus_to_exitcode(status))) for worker, status in found if worker]


def ended_how(code: int) -> str:
    """An exit code in words."""
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def end(workers: dict[int, int], listening: Sequence[socket.socket]) -> None:
    """Ask the workers to finish what they have in hand, and wait; one that does not end is killed."""
    for signum, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signum)
        until = time.monotonic() + seconds
        shut = time.monotonic() + SHUT_SECONDS
        while workers and time.monotonic() < until:
            for worker, _ in gone(workers):
                del workers[worker]
            if time.monotonic() > shut:
                stop_listening(listening)
            time.sleep(0.02)


def stop_listening(listening: Sequence[socket.socket]) -> None:
    """Refuse new connections, in all processes that share these sockets."""
    for each in listening:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RD)


def start(work: Callable[[], None], alive: int, ended: int) -> int:
    """Fork one worker; its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    worker = os.fork()
    if worker:
        return worker
    code = 1
    try:
        os.close(ended)
        threading.Thread(target=follow, args=(alive,), daemon=True).start()
        work()
        code = 0
    except SystemExit:
        code = 0  # asked to end before it had begun
    except BaseException:
        log.exception("worker process")
    finally:
        logging.shutdown()
        os._exit(code)  # what the parent registered for its own end is not ours to run


def follow(alive: int) -> None:
    """Wait for the end of the parent, then end as on SIGTERM."""
    os.read(alive, 1)  # returns when the parent's end is closed
    os.kill(os.getpid(), signal.SIGTERM)
