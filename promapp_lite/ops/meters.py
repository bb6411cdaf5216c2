"""Metrics: counters since the start, over all processes, and gauges read on request.

Import it only where the application is made: prometheus_client decides while it is imported whether several
processes count together (`multiprocess`).
"""

import contextlib
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
from promapp_lite.config import Settings
from promapp_lite.ops import conditions, multiprocess
from promapp_lite.store.access import tokens
from promapp_lite.store.activity import cycles
from promapp_lite.store.directory import people
from promapp_lite.store.engine import Store
from promapp_lite.store.snapshots import disk
from promapp_lite.system import certificates

SOON = timedelta(days=30)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
STATES = ("live", "expiring", "expired", "revoked")


class Meters:
    """The counters, and the gauges of the state."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, settings: Settings, store: Store) -> None:
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
        self.state.register(State(settings, store))

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

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Resources, tokens by state, bytes, times, and what is wrong."""
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
        yield GaugeMetricFamily(
            "promapp_lite_disk_free_bytes", "Free on the data folder's disk.", value=disk.free(self.store)
        )
        for name, text, moment in self.times():
            if moment:
                seconds = clock.moment(moment).timestamp()
                yield GaugeMetricFamily(f"promapp_lite_{name}_timestamp_seconds", text, value=seconds)
        wrong = GaugeMetricFamily(
            "promapp_lite_condition",
            "1 where this is wrong, see promapp-lite doctor.",
            labels=("name", "severity"),
        )
        for (name, severity), number in conditions_by_name(self.settings, self.store).items():
            wrong.add_metric((name, severity), number)
        yield wrong

    def times(self) -> Iterator[tuple[str, str, str | None]]:
        """When the last cycle ended, the last daily copy was taken, the certificate ends."""
        run, copy = cycles.last(self.store), disk.last_copy(self.store)
        yield "last_contact", "End of the last cycle.", run.ended if run else None
        yield "last_copy", "When the last daily copy was taken.", copy.made if copy else None
        files = certificates.configured(self.settings)
        with contextlib.suppress(OSError, ValueError):
            ends = certificates.facts(files.cert).ends if files else None
            yield "certificate_end", "When the certificate of the https listeners ends.", ends


def conditions_by_name(settings: Settings, store: Store) -> dict[tuple[str, str], int]:
    """Each that can be wrong, by name and severity: 1 where it is."""
    found = {(each.name, each.severity) for each in conditions.examine(settings, store)}
    every = [(name, severity) for name in conditions.CHECKS for severity in ("fail", "warn")]
    return {each: int(each in found) for each in every}


def tokens_by_state(store: Store) -> Tally[str]:
    """How many tokens are in each state."""
    moment = datetime.now(UTC)
    now, soon = clock.stamp(moment), clock.stamp(moment + SOON)
    return Tally(state_of(each, now, soon) for each in tokens.listed(store))


def state_of(token: tokens.Listed, now: str, soon: str) -> str:
    """A token's state, where the last days of a live one are a state of their own."""
    state = token.state(now)
    return "expiring" if state == "live" and token.expires <= soon else state
