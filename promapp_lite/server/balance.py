"""Connections shared out evenly: each process tells the others how many it holds."""

import mmap
import time

from promapp_lite.server import channels

PATIENCE = 10  # rounds of the loop that another process has to take a connection
PAUSE = 0.001  # seconds between them


class ConnectionCounts:
    """How many connections each process holds, told in memory that all of them share."""

    def __init__(self, counts: memoryview, number: int) -> None:
        self.counts, self.number = counts, number

    def report(self, held: int) -> None:
        """This process holds so many."""
        self.counts[self.number] = held

    def crowded(self) -> bool:
        """Whether another process holds fewer."""
        return bool(self.counts[self.number] > min(self.counts))


def counts(count: int) -> memoryview:
    """Memory for the shares of so many processes; make it before they are forked."""
    return memoryview(mmap.mmap(-1, 4 * count)).cast("i")


ALONE = ConnectionCounts(counts(1), 0)


class BalancedServer(channels.Server):
    """A listener that leaves a new connection to a process that holds fewer, if that one takes it soon."""

    connection_counts = ALONE
    left = 0

    def readable(self) -> bool:
        """Whether there may be connections; asked in each round of the loop."""
        self.connection_counts.report(len(self._map))
        return bool(super().readable())

    def handle_accept(self) -> None:
        """Take a connection, or leave it to another process for this round."""
        if self.connection_counts.crowded() and self.left < PATIENCE:
            self.left += 1
            time.sleep(PAUSE)
        else:
            self.left = 0
            super().handle_accept()
