"""Connections distributed evenly over the processes."""

import time

from promapp_lite.server import channels
from promapp_lite.server.board import Board

PATIENCE = 10  # rounds of the loop that another process has to take a connection
PAUSE = 0.001  # seconds between them


class BalancedServer(channels.Server):
    """Listener that lets a less loaded worker accept first."""

    board = Board()
    left = 0

    def readable(self) -> bool:
        """Whether there may be connections; asked in each round of the loop."""
        self.board.report(len(self._map))
        return bool(super().readable())

    def handle_accept(self) -> None:
        """Take a connection, or leave it to another process for this round."""
        if self.board.crowded() and self.left < PATIENCE:
            self.left += 1
            time.sleep(PAUSE)
        else:
            self.left = 0
            super().handle_accept()
