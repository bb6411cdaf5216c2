"""`/healthz` and `/livez`: whether the service works, and whether it is there at all."""

import logging
import threading
import time

from flask import Response, current_app, jsonify

from promapp_lite import __version__, clock
from promapp_lite.ops.logs import first_fault
from promapp_lite.store.directory import resources
from promapp_lite.store.engine import DB_ERRORS, Store

log = logging.getLogger("promapp_lite")

PROBE_SECONDS = 2
STUCK_SECONDS = 3  # since the last probe has ended, after which the service counts as stuck


class Health:
    """Whether reads and writes work, found out beside the requests, so that asking waits for nothing."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reason: str | None = None
        self.since: str | None = None  # when that began
        self.probed: float | None = None  # when the last probe has ended (monotonic), None while none runs

    def keep_up(self, ended: threading.Event) -> None:
        """Probe every PROBE_SECONDS until `ended`; each change is one line in the log."""
        while True:
            self.take(self.probe())
            if ended.wait(PROBE_SECONDS):
                break
        self.probed = None
        self.store.disconnect()

    def probe(self) -> str | None:
        """Write and read; what is wrong, None where nothing is."""
        try:
            self.store.prove_writable()
            resources.prove_readable(self.store)
        except DB_ERRORS as error:
            gone = not self.store.path.exists()
            return f"{self.store.path} is not there any more" if gone else str(first_fault(error))
        return None

    def take(self, reason: str | None) -> None:
        """Note how a probe went."""
        if reason and reason != self.reason:
            log.error("the service is not well: %s", reason)
        if self.reason and not reason:
            log.info("the service is well again")
        self.since = (self.since or clock.now()) if reason else None
        self.reason, self.probed = reason, time.monotonic()

    def fault(self) -> str | None:
        """What is wrong now, None where nothing is known to be."""
        if self.probed is not None and time.monotonic() - self.probed > PROBE_SECONDS + STUCK_SECONDS:
            return "the database has not answered for some seconds"
        return self.reason

    def remedy(self) -> str:
        """What to do about the fault, as far as its words tell."""
        reason = (self.fault() or "").lower()
        return next((remedy for words, remedy in REMEDIES if words in reason), ELSE)


REMEDIES = (  # of SQLite's and our own words for a fault
    ("full", "free some space on the disk of the data folder"),
    ("readonly", "make the data folder and its files writable for the user of the service"),
    ("not there any more", "stop the service, put the database back or run promapp-lite restore, start it"),
    ("malformed", "stop the service, run promapp-lite restore with the last good backup, start it"),
    ("locked", "close the program that has the database open, or restart the service"),
    ("not answered", "close the program that has the database open, or restart the service"),
)
ELSE = "see the log, and run promapp-lite doctor"


def healthz() -> tuple[Response, int]:
    """200 while reads and writes work, else 503 with the reason."""
    health: Health = current_app.extensions["health"]
    reason = health.fault()
    if health.probed is None:  # no probe runs beside, so that one read has to do
        try:
            resources.prove_readable(health.store)
        except DB_ERRORS as error:
            reason = str(first_fault(error))
    if reason:
        return jsonify(status="unavailable", reason=reason), 503
    return jsonify(status="ok", version=__version__), 200


def livez() -> tuple[Response, int]:
    """200 whenever the process answers."""
    return jsonify(status="alive", version=__version__), 200
