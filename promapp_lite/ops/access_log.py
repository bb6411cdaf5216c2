"""The access log: each answer is a line in the log and counts in the metrics, without personal data."""

import logging
import threading
import time
from collections import Counter, deque
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request

from promapp_lite.config import mount_of

if TYPE_CHECKING:
    from promapp_lite.ops.meters import Meters

logger = logging.getLogger("promapp_lite.requests")

SECONDS = 0.2  # that a line may come after its answer
MAX_PATH = 200
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_METHOD = 20
ACTS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}
LINE = "%(method)s %(path)s %(status)d %(ms)d ms %(token)s"


class Request(NamedTuple):
    """A request that was answered at a moment, after some seconds; `rule` is its route with its mount."""

    at: float
    seconds: float
    method: str
    path: str
    rule: str | None
    status: int
    hint: str | None


class AccessLog:
    """The access log: lines are written at once, or in batches while `keep_up` runs."""

    def __init__(self, meters: "Meters") -> None:
        self.meters = meters
        self.waiting: deque[Request] = deque()
        self.lock = threading.Lock()
        self.kept_up = False

    def add(self, answered: Request) -> None:
        """Take down one answer."""
        self.waiting.append(answered)
        if not self.kept_up:
            self.write()

    def write(self) -> None:
        """Log and count all that waits."""
        with self.lock:
            rows = [self.waiting.popleft() for _ in range(len(self.waiting))]
            self.meters.count(
                ((known(row.method), route(row.rule), row.status, row.seconds) for row in rows),
                Counter(map(change, filter(changing, rows))),
            )
            for row in rows:
                log(row)

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
    """Log every request. Call it before other hooks are registered, so that its clock starts first."""
    from promapp_lite.ops.meters import Meters  # see there: not before the processes are forked

    app.extensions["access_log"] = AccessLog(Meters(app.extensions["settings"], app.extensions["store"]))
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
    method, path = asked.method[:MAX_METHOD], shown(asked.path)
    answered = Request(time.time(), seconds, method, path, rule, answer.status_code, hint)
    current_app.extensions["access_log"].add(answered)
    return answer


def shown(path: str) -> str:
    """The path as the log shows it: what could be an e-mail address is left out, and it is cut."""
    if "@" in path:
        path = "/".join("..." if "@" in part else part for part in path.split("/"))
    return path[:MAX_PATH]


def known(method: str) -> str:
    """The method as a label: one of a closed list, as a caller may send any word."""
    return method if method in METHODS else "OTHER"


@lru_cache(256)
def route(rule: str | None) -> str:
    """A rule without its mount, such as /Users/<id>."""
    if rule is None or "<unrouted:" in rule:
        return "/none"
    return rule.removeprefix(mount_of(rule) or "").rstrip("/") or "/"


def changing(answered: Request) -> bool:
    """Whether it is a provisioning service that asked for a change."""
    return answered.hint is not None and answered.method in ACTS


def change(answered: Request) -> tuple[str, str, str]:
    """The change that was asked for: resource, act, and how it went."""
    status = answered.status
    outcome = "done" if status < 400 else "refused" if status < 500 else "failed"
    return route(answered.rule).split("/")[1], ACTS[answered.method], outcome


def log(answered: Request) -> None:
    """Write the line of one answer."""
    if not logger.isEnabledFor(logging.INFO):
        return
    facts = {
        "method": answered.method,
        "path": quote(answered.path)[:MAX_PATH],
        "status": answered.status,
        "ms": round(answered.seconds * 1000),
        "token": answered.hint or "-",
    }
    record = logger.makeRecord(logger.name, logging.INFO, "", 0, LINE, (facts,), None, extra={"facts": facts})
    record.created, record.msecs = answered.at, int(answered.at % 1 * 1000)
    logger.handle(record)
