"""Shared memory of the server's processes: connection counts and heartbeats."""

import mmap
import time


class Board:
    """A line for each process: how many connections it holds, and when it was last alive."""

    def __init__(self, processes: int = 1) -> None:
        """Make it before the processes are forked."""
        self.number = 0  # this process' line
        self.held = memoryview(mmap.mmap(-1, 4 * processes)).cast("i")
        self.beats = memoryview(mmap.mmap(-1, 8 * processes)).cast("d")

    def join(self, number: int) -> None:
        """Take a line for this process."""
        self.number = number
        self.report(0)
        self.beat()

    def report(self, held: int) -> None:
        """This process holds so many connections."""
        self.held[self.number] = held

    def crowded(self) -> bool:
        """Whether another process holds fewer."""
        return bool(self.held[self.number] > min(self.held))

    def beat(self) -> None:
        """This process is alive."""
        self.beats[self.number] = time.monotonic()

    def silent(self, number: int) -> float:
        """For how many seconds a process has not been alive."""
        return float(time.monotonic() - self.beats[number])
