"""The log on stderr: lines to read, or one JSON object a line for programs."""

import contextlib
import logging
import os
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from promapp_lite import clock, jsonio
from promapp_lite.errors import UserError
from promapp_lite.store.engine import DB_ERRORS

TEXT = "%(asctime)s %(levelname)s %(message)s"
MOST_LINES = 10_000  # that wait for a reader who is slow, or has stopped
FILE_BYTES, FILES = 10_000_000, 9  # 100 MB of log files at most
FLUSH_SECONDS = 2  # that the end of the process waits for such a reader


class Json(logging.Formatter):
    """One JSON object a line; a request's facts are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = {"time": clock.stamp(datetime.fromtimestamp(record.created, UTC)), "level": record.levelname}
        facts = getattr(record, "facts", None) or {"message": record.getMessage()}
        if record.exc_info:
            facts = {**facts, "traceback": self.formatException(record.exc_info)}
        return jsonio.dumps({**line, **facts})


class Text(logging.Formatter):
    """A line to read; its time has the offset from UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """`2026-11-25 08:15:00.123+13:00`."""
        return datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "milliseconds")


def descriptor(stream: TextIO) -> int | None:
    """The descriptor of a stream, None where it has none."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


class BackgroundHandler(logging.Handler):
    """Writes lines in a thread of its own, so that no request waits for the reader of the log.

    Lines wait in memory up to MOST_LINES; what comes beyond is dropped, and counted in a line of its own.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream
        # A stream that waits for its reader would hold up the end of the process.
        self.number = descriptor(stream)
        self.lines: deque[str] = deque()
        self.dropped = 0
        self.more = threading.Event()
        self.start()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.start)

    def start(self) -> None:
        """Start the thread; one does not survive a fork, and its parent writes what has waited."""
        self.lines.clear()
        self.idle = threading.Event()
        self.idle.set()
        threading.Thread(target=self.write, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take down a line."""
        if len(self.lines) >= MOST_LINES:
            self.dropped += 1
            return
        self.idle.clear()
        self.lines.append(self.format(record))
        self.more.set()

    def write(self) -> None:
        """Write lines as they come, for ever."""
        while True:
            self.more.wait()
            self.more.clear()
            while self.lines:
                self.put(self.lines.popleft())
            if self.dropped:
                self.put(f"{self.dropped} log lines were dropped, as nobody read them")
                self.dropped = 0
            with contextlib.nullcontext() if self.lock is None else self.lock:
                if not self.lines:
                    self.idle.set()

    def put(self, line: str) -> None:
        """Write one line; where there is nobody to read it, it is gone."""
        with contextlib.suppress(OSError, ValueError):
            if self.number is None:
                self.stream.write(f"{line}\n")
                self.stream.flush()
                return
            left = f"{line}\n".encode(errors="backslashreplace")
            while left:
                left = left[os.write(self.number, left) :]

    def flush(self) -> None:
        """Wait until all is written, but not for ever."""
        self.idle.wait(FLUSH_SECONDS)


def set_up(form: str, file: Path | None = None) -> None:
    """Write what happens to stderr, or to a rolling file, in this format from now on."""
    handler = BackgroundHandler(sys.stderr) if file is None else rolling(file)
    handler.setFormatter(Json() if form == "json" else Text(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def rolling(file: Path) -> logging.Handler:
    """A file that is begun anew at FILE_BYTES, of which FILES older ones are kept; for one process alone."""
    try:
        file.parent.mkdir(exist_ok=True)
        return RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from None


def leave_out_origins() -> None:
    """Save finding out which thread or process wrote a line, as no line says so.

    Python's documentation, "Logging HOWTO", "Optimization". For a process that is ours alone: another
    server's log lines may name their process.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def first_fault(error: BaseException) -> BaseException:
    """The fault that began it: on a full disk SQLite undoes a transaction itself, and again it cannot."""
    while isinstance(error.__context__, DB_ERRORS):
        error = error.__context__
    return error
