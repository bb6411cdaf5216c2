"""Several worker processes behind one listening socket: one interpreter runs on one core only.

The parent opens the doors and holds the folder's lock, forks the workers, starts another in the place of one
that died, and passes on SIGTERM. A worker ends when its parent does, however that ended.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from promapp_lite.errors import UserError
from promapp_lite.server.shutdown import shutdown_signal

log = logging.getLogger("promapp_lite")

AGAIN_SECONDS = 1.0  # between the death of a worker and the start of the next
END_SECONDS = 30  # that workers have to finish what they have in hand


def possible(count: int) -> None:
    """UserError for several processes where the system cannot fork."""
    if count > 1 and not hasattr(os, "fork"):
        raise UserError("Several processes are for Linux and macOS; leave out --processes here.")


def run(count: int, work: Callable[[int], None]) -> None:
    """Run work(0) … work(count - 1), each in a process, until SIGTERM or Ctrl-C and all have ended."""
    alive, ended = os.pipe()  # the workers read the end of this process from it
    try:
        keep(count, lambda number: start(lambda: work(number), alive, ended))
    finally:
        os.close(ended)
        os.close(alive)


def keep(count: int, begin: Callable[[int], int]) -> None:
    """Keep so many workers running until this process is asked to end, then end them."""
    workers = {begin(number): number for number in range(count)}
    try:
        while not shutdown_signal.requested:
            time.sleep(AGAIN_SECONDS)
            for dead, number in gone(workers):
                log.error("worker process %d ended; another takes its place", dead)
                workers[begin(number)] = number
    except SystemExit:
        pass
    end(workers)


def gone(workers: dict[int, int]) -> list[tuple[int, int]]:
    """The workers that have ended, with their numbers, taken out of those that run."""
    found = [worker for worker in workers if os.waitpid(worker, os.WNOHANG)[0]]
    return [(worker, workers.pop(worker)) for worker in found]


def end(workers: dict[int, int]) -> None:
    """Ask the workers to finish what they have in hand, and wait for them; who does not end is killed."""
    for signum, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signum)
        until = time.monotonic() + seconds
        while workers and time.monotonic() < until:
            gone(workers)
            time.sleep(0.02)


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
    os.read(alive, 1)  # returns when nobody holds the other end any more
    os.kill(os.getpid(), signal.SIGTERM)
