"""Watching the service: each answer is a line in the log and counts in the meters, without personal data."""

import logging
import re
import threading
import time
from collections import Counter, deque
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request

from promapp_lite.config import mount_of
from promapp_lite.ops.metrics import Meters

log = logging.getLogger("promapp_lite.requests")

SECONDS = 0.2  # that a line may come after its answer
MAX_PATH = 200
ADDRESS = re.compile(r"[^/]*@[^/]*")
ACTS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}
LINE = "%(method)s %(path)s %(status)d %(ms)d ms %(token)s"


class Seen(NamedTuple):
    """A request that was answered at a moment, after some seconds; `rule` is its route with its mount."""

    at: float
    seconds: float
    method: str
    path: str
    rule: str | None
    status: int
    hint: str | None


class Journal:
    """Writes down what was answered: at once, or while `keep_up` runs together with what else came."""

    def __init__(self, meters: Meters) -> None:
        self.meters = meters
        self.seen: deque[Seen] = deque()
        self.lock = threading.Lock()
        self.kept_up = False

    def note(self, seen: Seen) -> None:
        """Take down one answer."""
        self.seen.append(seen)
        if not self.kept_up:
            self.write()

    def write(self) -> None:
        """Write the lines of all that was seen, and count it."""
        with self.lock:
            rows = [self.seen.popleft() for _ in range(len(self.seen))]
            self.meters.count(
                ((row.method, route(row.rule), row.status, row.seconds) for row in rows),
                Counter(map(change, filter(changing, rows))),
            )
            for row in rows:
                tell(row)

    def keep_up(self, ended: threading.Event) -> None:
        """Write every SECONDS until `ended`, so that no answer waits for it; at once again when it stops."""
        self.kept_up = True
        try:
            while not ended.wait(SECONDS):
                self.write()
        finally:
            self.kept_up = False
        self.write()


def init_app(app: Flask) -> None:
    """Watch every request; it is the first room, so that its clock starts first."""
    app.extensions["journal"] = Journal(Meters(app.extensions["store"]))
    app.before_request(begin)
    app.after_request(end)


def begin() -> None:
    """Start the clock."""
    g.begun = time.perf_counter()


def end(answer: Response) -> Response:
    """Take down the answer."""
    asked = request._get_current_object()  # type: ignore[attr-defined]
    rule = asked.url_rule.rule if asked.url_rule else None
    seconds, hint = time.perf_counter() - g.begun, g.get("hint")
    seen = Seen(time.time(), seconds, asked.method, asked.path, rule, answer.status_code, hint)
    current_app.extensions["journal"].note(seen)
    return answer


@lru_cache(256)
def route(rule: str | None) -> str:
    """A rule without its mount, such as /Users/<id>."""
    if rule is None or "<unrouted:" in rule:
        return "/none"
    return rule.removeprefix(mount_of(rule) or "").rstrip("/") or "/"


def changing(seen: Seen) -> bool:
    """Whether it is a provisioning service that asked for a change."""
    return seen.hint is not None and seen.method in ACTS


def change(seen: Seen) -> tuple[str, str, str]:
    """The change that was asked for: resource, act, and how it went."""
    status = seen.status
    outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
    return route(seen.rule).split("/")[1], ACTS[seen.method], outcome


def tell(seen: Seen) -> None:
    """Write the line of one answer; of its path what could be an e-mail address is left out."""
    if not log.isEnabledFor(logging.INFO):
        return
    facts = {
        "method": seen.method,
        "path": quote(ADDRESS.sub("...", seen.path) if "@" in seen.path else seen.path)[:MAX_PATH],
        "status": seen.status,
        "ms": round(seen.seconds * 1000),
        "token": seen.hint or "-",
    }
    record = log.makeRecord(log.name, logging.INFO, "", 0, LINE, (facts,), None, extra={"facts": facts})
    record.created, record.msecs = seen.at, int(seen.at % 1 * 1000)
    log.handle(record)
