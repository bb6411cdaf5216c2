"""Metrics: counters since the start, over all processes, and gauges read on request.

Import it only where the application is made: prometheus_client decides while it is imported whether several
processes count together (`multiprocess`).
"""

import os
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from promapp_lite import clock
from promapp_lite.ops import multiprocess
from promapp_lite.store.access import tokens
from promapp_lite.store.directory import people
from promapp_lite.store.engine import Store
from promapp_lite.store.snapshots import disk

SOON = timedelta(days=30)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
STATES = ("live", "expiring", "expired", "revoked")


class Meters:
    """The counters, and the gauges of the state."""

    content_type = CONTENT_TYPE_LATEST

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
        if multiprocess.FOLDER in os.environ:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(counted) + generate_latest(self.state))


class State(Collector):
    """Gauges, read when the metrics are requested."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Resources, tokens by state, bytes."""
        held = GaugeMetricFamily("promapp_lite_resources", "Users and groups.", labels=("resource",))
        counts = people.counts(self.store)
        held.add_metric(("users",), counts["people"])
        held.add_metric(("groups",), counts["groups"])
        yield held
        kept = GaugeMetricFamily(
            "promapp_lite_tokens", "Access tokens; expiring is within 30 days.", labels=("state",)
        )
        tally = tokens_by_state(self.store)
        for state in STATES:
            kept.add_metric((state,), tally[state])
        yield kept
        yield GaugeMetricFamily(
            "promapp_lite_database_bytes", "Size of the database with its log.", value=disk.size(self.store)
        )


def tokens_by_state(store: Store) -> Tally[str]:
    """How many tokens are in each state."""
    moment = datetime.now(UTC)
    now, soon = clock.stamp(moment), clock.stamp(moment + SOON)
    return Tally(state_of(each, now, soon) for each in tokens.listed(store))


def state_of(token: tokens.Listed, now: str, soon: str) -> str:
    """A token's state, where the last days of a live one are a state of their own."""
    state = token.state(now)
    return "expiring" if state == "live" and token.expires <= soon else state
