"""The provisioning job: what it knows of the target, and how it logs what it does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from promapp_lite.rehearse import answers, faults
from promapp_lite.rehearse.client import Client
from promapp_lite.rehearse.directory import Directory, Entry
from promapp_lite.rehearse.escrow import Clock, Escrow
from promapp_lite.rehearse.faults import Fault
from promapp_lite.rehearse.mapping import Rule, Table
from promapp_lite.rehearse.report import Cycle, Row, tally

REFUSALS = (faults.BAD_REQUEST, "UnprocessableEntity", "NotImplemented", "MethodNotAllowed")
PATIENCE = 10  # requests in a row without an answer before a cycle is given up


@dataclass
class Link:
    """An object's counterpart: its id there, whether we made it, whether we still manage it."""

    id: str
    made: bool
    kind: str
    released: bool = False

    @property
    def path(self) -> str:
        """Where it is, below the base URL."""
        return f"/{self.kind}s/{quote(self.id, safe='')}"


@dataclass
class Job:
    """One target, one source, and everything remembered between cycles."""

    client: Client
    directory: Directory
    table: Table = field(default_factory=Table)
    everyone: bool = False
    clock: Clock = field(default_factory=Clock)
    tell: Callable[[str, int, int], None] = lambda what, done, total: None
    links: dict[str, Link] = field(default_factory=dict)
    attempted: dict[str, str] = field(default_factory=dict)
    sent: dict[str, dict[str, str]] = field(default_factory=dict)
    deferred: set[tuple[str, str]] = field(default_factory=set)
    gone: dict[str, str] = field(default_factory=dict)
    escrow: Escrow = field(default_factory=Escrow)
    watermark: int = 0
    quarantine: str | None = None
    rows: list[Row] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    findings: dict[str, str] = field(default_factory=dict)
    out: dict[str, tuple[str, str]] = field(default_factory=dict)
    out_before: set[str] = field(default_factory=set)
    seen: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, tuple[str, bool]] = field(default_factory=dict)
    silent: int = 0

    @property
    def cycle(self) -> Cycle:
        """The cycle that runs."""
        return self.cycles[-1]

    def find(self, name: str, evidence: str) -> None:
        """Note a defect of the target under its name; the first evidence is kept."""
        self.findings.setdefault(name, evidence)

    def by_target(self) -> dict[str, str]:
        """Target id → source id of everything linked."""
        return {link.id: source_id for source_id, link in self.links.items()}

    @contextmanager
    def entry(self, entry: Entry, reference: bool = False) -> Iterator[Row]:
        """A log row around work on one object: a Fault fails it and marks the object for escrow.

        A row without an action means nothing had to be done and is not logged. A fatal Fault
        is passed on: it ends the cycle.
        """
        row, start = self.open(entry), time.perf_counter()
        try:
            yield row
            self.silent = 0
        except Fault as fault:
            row.fail(fault)
            if fault.code in REFUSALS:
                self.find("RequestRefused", f"{row.action} {row.kind}: {fault.reason}")
            self.failed[entry.id] = (fault.code, reference and not self.failed.get(entry.id))
            self.weigh(fault)
        finally:
            row.milliseconds = (time.perf_counter() - start) * 1000
            self.close(row)

    def open(self, entry: Entry) -> Row:
        """An empty row for an object."""
        link = self.links.get(entry.id)
        return Row(self.cycle.name, entry.kind, entry.id, entry.name, target_id=link.id if link else None)

    def close(self, row: Row) -> None:
        """Log the row if something was done, and count it."""
        if not row.action:
            return
        row.time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.rows.append(row)
        self.cycle.counts[tally(row)] += 1

    def weigh(self, fault: Fault) -> None:
        """Pass a fatal fault on, and give up on a target that has stopped answering."""
        self.silent = self.silent + 1 if fault.status is None else 0
        if fault.fatal:
            raise fault
        if self.silent >= PATIENCE:
            raise Fault(faults.UNAVAILABLE, f"{PATIENCE} requests in a row: {fault.reason}")

    def matched(
        self, entry: Entry, rules: list[Rule], endpoint: str, **query: str
    ) -> tuple[Link, Any] | None:
        """Look an object up by its matching attributes in their order; link and answer, or None."""
        values = entry.values(False)
        if not any(rule.value(values) for rule in rules):
            raise Fault("MissingValues", "The object has no value for a matching attribute.")
        for rule in rules:
            value = rule.value(values)
            found = answers.search(self, endpoint, rule.target, value, **query) if value else None
            if found:
                return self.link(entry, found), found
        return None

    def link(self, entry: Entry, found: Any) -> Link:
        """Remember a counterpart that was found; it is ours only when we tried to make it."""
        other = self.by_target().get(found["id"])
        if other not in (None, entry.id):
            raise Fault(
                "DuplicateSourceEntries",
                f"The target's {found['id']} already belongs to source object {other}.",
            )
        self.links[entry.id] = Link(found["id"], entry.id in self.attempted, entry.kind)
        return self.links[entry.id]
