"""The signals that stop the service, and the one that does not."""

import logging
import signal
import sys
import threading
from types import FrameType

log = logging.getLogger("promapp_lite")


class ShutdownSignal:
    """The handler of SIGTERM, Ctrl-C and Ctrl-Break: ends the main loop; running requests finish.

    `requested` outlives an exception that CPython drops, as it does with one raised in a finalizer.
    """

    requested = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
        raise SystemExit(0)

    def request(self) -> None:
        """Ask for the end from another thread, as Windows' service manager does."""
        self.requested = True

    def install(self) -> None:
        """Take these signals in this process and those it forks; only the main thread can say so.

        SIGHUP stops it too where a terminal is closed; elsewhere it is the wish to read files anew, which
        happens by itself. Under nohup it stays ignored.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # a Windows service, which has no signals
        signal.signal(signal.SIGTERM, self)
        signal.signal(signal.SIGINT, self)
        if ctrl_break := getattr(signal, "SIGBREAK", None):  # only Windows has it
            signal.signal(ctrl_break, self)
        hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
        if hang_up and signal.getsignal(hang_up) is not signal.SIG_IGN:
            signal.signal(hang_up, self if in_terminal() else go_on)


def in_terminal() -> bool:
    """Whether somebody started this process in a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def go_on(signum: int, frame: FrameType | None) -> None:
    """Say that nothing needs to be read anew."""
    log.info("SIGHUP: changed certificates are read by themselves; other settings need a restart")


shutdown_signal = ShutdownSignal()
