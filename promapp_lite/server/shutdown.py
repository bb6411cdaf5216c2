"""The signal to stop."""

import signal
from types import FrameType


class ShutdownSignal:
    """The handler of SIGTERM and Ctrl-C: ends the main loop; running requests finish.

    `requested` outlives an exception that CPython drops, as it does with one raised in a finalizer.
    """

    requested = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
        raise SystemExit(0)

    def install(self) -> None:
        """Take SIGTERM and Ctrl-C in this process and those it forks; only the main thread can say so."""
        signal.signal(signal.SIGTERM, self)
        signal.signal(signal.SIGINT, self)


shutdown_signal = ShutdownSignal()
