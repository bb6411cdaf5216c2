"""Watching the service: a log line a request, and `/metrics` for Prometheus, both without personal data."""

import contextlib
import ipaddress
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from flask import Flask, Request, Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from promapp_lite import wire
from promapp_lite.store import disk, tokens
from promapp_lite.store.db import Store
from promapp_lite.store.models import Group, User
from promapp_lite.web.auth import mount_of

log = logging.getLogger("promapp_lite.requests")

SOON = timedelta(days=30)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
MAX_PATH = 200
ADDRESS = re.compile(r"[^/]*@[^/]*")
ACTS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name for it
STATES = ("live", "expiring", "expired", "revoked")


class Meters:
    """What is counted since the start, over all processes, and what is looked up when somebody asks."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        facts: dict[str, Any] = {"namespace": "promapp_lite", "registry": self.registry}
        self.requests = Counter("requests", "Requests answered.", ("method", "route", "status"), **facts)
        self.seconds = Histogram(
            "request_seconds", "How long answers took.", ("method", "route"), buckets=BUCKETS, **facts
        )
        self.outcomes = Counter(
            "provisioning", "Changes asked for over SCIM.", ("resource", "act", "outcome"), **facts
        )
        self.state = CollectorRegistry()
        self.state.register(State(store))

        self.children: dict[tuple[Any, ...], Any] = {}

    def meter(self, family: Any, *labels: str) -> Any:
        """The meter of a family for these labels, looked up in a dict: the library takes a lock for it."""
        key = (family, *labels)
        found = self.children.get(key)
        if found is None:
            found = self.children[key] = family.labels(*labels)
        return found

    def text(self) -> bytes:
        """All of it in Prometheus' text form."""
        counted = self.registry
        if FOLDER in os.environ:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)
        return bytes(generate_latest(counted) + generate_latest(self.state))


class State(Collector):
    """How things are at the moment somebody asks."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Resources, tokens by state, bytes."""
        held = GaugeMetricFamily("promapp_lite_resources", "Users and groups.", labels=("resource",))
        for name, model in (("users", User), ("groups", Group)):
            held.add_metric((name,), model.select().bind(self.store.database).count())
        yield held
        kept = GaugeMetricFamily(
            "promapp_lite_tokens", "Access tokens; expiring is within 30 days.", labels=("state",)
        )
        for state in STATES:
            kept.add_metric((state,), count(self.store, state))
        yield kept
        yield GaugeMetricFamily(
            "promapp_lite_database_bytes", "Size of the database with its log.", value=disk.size(self.store)
        )


@contextlib.contextmanager
def counted_together() -> Iterator[None]:
    """Inside, the meters made in the processes that are forked count into files that all of them read."""
    with tempfile.TemporaryDirectory(prefix="promapp-lite-") as folder:
        os.environ[FOLDER] = folder
        values.ValueClass = values.MultiProcessValue()
        yield
        del os.environ[FOLDER]


def count(store: Store, state: str) -> int:
    """How many tokens are in a state."""
    moment = datetime.now(UTC)
    now, soon = wire.stamp(moment), wire.stamp(moment + SOON)
    return sum(state_of(each, now, soon) == state for each in tokens.listed(store))


def state_of(token: tokens.Listed, now: str, soon: str) -> str:
    """A token's state, where the last days of a live one are a state of their own."""
    state = token.state(now)
    return "expiring" if state == "live" and token.expires <= soon else state


def init_app(app: Flask) -> None:
    """Watch every request, and mount `/metrics`; it is the first room, so that its clock starts first."""
    app.extensions["meters"] = Meters(app.extensions["store"])
    app.before_request(begin)
    app.after_request(end)
    app.add_url_rule("/metrics", view_func=metrics, provide_automatic_options=False)


def begin() -> None:
    """Start the clock."""
    g.begun = time.perf_counter()


def end(answer: Response) -> Response:
    """Count the request and write its line."""
    seconds = time.perf_counter() - g.begun
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    method, route, mount = asked.method, *route_of(asked)
    meters: Meters = current_app.extensions["meters"]
    hint = g.get("hint")
    meters.meter(meters.requests, method, route, str(answer.status_code)).inc()
    meters.meter(meters.seconds, method, route).observe(seconds)
    if mount and hint and method in ACTS:
        done = outcome(answer.status_code)
        meters.meter(meters.outcomes, route.split("/")[1], ACTS[method], done).inc()
    tell(method, asked.path, answer.status_code, round(seconds * 1000), hint)
    return answer


def route_of(asked: Request) -> tuple[str, str | None]:
    """The route of a request without its mount, such as /Users/<id>, and the mount."""
    if asked.url_rule is None:
        return "/none", mount_of(asked.path)
    return split(asked.url_rule.rule)


@lru_cache(256)
def split(rule: str) -> tuple[str, str | None]:
    """A rule without its mount, and the mount."""
    mount = mount_of(rule)
    return rule.removeprefix(mount or "").rstrip("/") or "/", mount


def outcome(status: int) -> str:
    """How a change went."""
    return "done" if status < 400 else "refused" if status < 500 else "failed"


def tell(method: str, path: str, status: int, ms: int, hint: str | None) -> None:
    """Write the line of one request; of its path what could be an e-mail address is left out."""
    shown = quote(ADDRESS.sub("...", path))[:MAX_PATH]
    facts = {"method": method, "path": shown, "status": status, "ms": ms, "token": hint or "-"}
    log.info("%(method)s %(path)s %(status)d %(ms)d ms %(token)s", facts, extra={"facts": facts})


def metrics() -> Response:
    """The meters in Prometheus' text form, for this machine or with a token."""
    if not (local(request.remote_addr) or bears_token()):
        return Response(
            "401 /metrics wants a token with the scope scim:read.\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="promapp-lite"', "Cache-Control": "no-store"},
            content_type="text/plain; charset=utf-8",
        )
    text = current_app.extensions["meters"].text()
    return Response(text, headers={"Cache-Control": "no-store"}, content_type=CONTENT_TYPE_LATEST)


def local(address: str | None) -> bool:
    """Whether the caller is on this machine."""
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def bears_token() -> bool:
    """Whether a live token was sent, whatever its scope."""
    sent = request.authorization
    if sent is None or sent.type != "bearer" or not sent.token:
        return False
    return tokens.check(current_app.extensions["store"], sent.token, request.remote_addr) is not None
