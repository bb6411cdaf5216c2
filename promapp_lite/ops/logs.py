"""The log on stderr: lines to read, or one JSON object a line for programs."""

import logging
import sys
from datetime import UTC, datetime

from promapp_lite import clock, jsonio
from promapp_lite.store.engine import DB_ERRORS

TEXT = "%(asctime)s %(levelname)s %(message)s"


class Json(logging.Formatter):
    """One JSON object a line; a request's facts are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = {"time": clock.stamp(datetime.fromtimestamp(record.created, UTC)), "level": record.levelname}
        facts = getattr(record, "facts", None) or {"message": record.getMessage()}
        if record.exc_info:
            facts = {**facts, "traceback": self.formatException(record.exc_info)}
        return jsonio.dumps({**line, **facts})


def set_up(form: str) -> None:
    """Write what happens to stderr in this format from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


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
