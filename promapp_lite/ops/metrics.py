"""`/metrics` for Prometheus: what was asked for, how long it took, what is held; no personal data."""

import contextlib
import ipaddress
import os
import tempfile
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Response, current_app, request
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

from promapp_lite import clock
from promapp_lite.store.access import tokens
from promapp_lite.store.engine import Store
from promapp_lite.store.models import Group, User
from promapp_lite.store.snapshots import disk

SOON = timedelta(days=30)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
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

    def count(self, answered: Iterable[tuple[str, str, int, float]], changes: Tally[tuple[str, ...]]) -> None:
        """Count answers, each method, route, status and seconds, and changes by resource, act and outcome."""
        requests: Tally[tuple[str, ...]] = Tally()
        for method, route, status, seconds in answered:
            requests[method, route, str(status)] += 1
            self.seconds.labels(method, route).observe(seconds)
        for family, tally in ((self.requests, requests), (self.outcomes, changes)):
            for labels, number in tally.items():
                family.labels(*labels).inc(number)

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
    now, soon = clock.stamp(moment), clock.stamp(moment + SOON)
    return sum(state_of(each, now, soon) == state for each in tokens.listed(store))


def state_of(token: tokens.Listed, now: str, soon: str) -> str:
    """A token's state, where the last days of a live one are a state of their own."""
    state = token.state(now)
    return "expiring" if state == "live" and token.expires <= soon else state


def metrics() -> Response:
    """The meters in Prometheus' text form, for this machine or with a token."""
    if not (local(request.remote_addr) or bears_token()):
        return Response(
            "401 /metrics wants a token with the scope scim:read.\n",
            401,
            {"WWW-Authenticate": 'Bearer realm="promapp-lite"', "Cache-Control": "no-store"},
            content_type="text/plain; charset=utf-8",
        )
    journal = current_app.extensions["journal"]
    journal.write()
    text = journal.meters.text()
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
