"""The provisioning job: what it knows of the target, and how it logs what it does."""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from promapp_lite.rehearse.directory import Directory, Entry
from promapp_lite.rehearse.escrow import Clock, Escrow
from promapp_lite.rehearse.mapping import Rule, Table
from promapp_lite.rehearse.protocol import answers, errors
from promapp_lite.rehearse.protocol.client import Client
from promapp_lite.rehearse.protocol.errors import CannotStart, ProvisioningError
from promapp_lite.rehearse.report import Cycle, Row, tally

REFUSALS = (errors.BAD_REQUEST, "UnprocessableEntity", "NotImplemented", "MethodNotAllowed")
PATIENCE = 10  # requests in a row without an answer before a cycle is given up
Item = TypeVar("Item")


class Track(Protocol):
    """Passes items through and shows how many of them are done."""

    def __call__(self, label: str, items: Collection[Item]) -> Iterable[Item]:
        """The items."""


def untracked(label: str, items: Collection[Item]) -> Iterable[Item]:
    """The items, silently."""
    return items


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
class ProvisioningJob:
    """One target, one source, and everything remembered between cycles."""

    client: Client
    directory: Directory
    table: Table = field(default_factory=Table)
    everyone: bool = False
    clock: Clock = field(default_factory=Clock)
    track: Track = untracked
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

    def note(self, name: str, evidence: str) -> None:
        """Note a defect of the target under its name; the first evidence is kept."""
        self.findings.setdefault(name, evidence)

    @contextmanager
    def logged(self, entry: Entry, reference: bool = False) -> Iterator[Row]:
        """A log row around work on one object; a ProvisioningError fails it and puts the object into escrow.

        A row without an action means nothing had to be done and is not logged. A fatal error is
        raised again: it ends the cycle.
        """
        link = self.links.get(entry.id)
        row = Row(self.cycle.name, entry.kind, entry.id, entry.name, target_id=link.id if link else None)
        start = time.perf_counter()
        try:
            yield row
            self.silent = 0
        except ProvisioningError as error:
            row.fail(error)
            if error.code in REFUSALS:
                self.note("RequestRefused", f"{row.action} {row.kind}: {error.reason}")
            self.failed[entry.id] = (error.code, reference and not self.failed.get(entry.id))
            self.stop_if_fatal(error)
        finally:
            row.milliseconds = (time.perf_counter() - start) * 1000
            self.close(row)

    def close(self, row: Row) -> None:
        """Log the row if something was done, and count it."""
        if not row.action:
            return
        row.time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.rows.append(row)
        self.cycle.counts[tally(row)] += 1

    def stop_if_fatal(self, error: ProvisioningError) -> None:
        """Raise a fatal error again; give up on a read-only token and on a target that stopped answering."""
        if error.status == 403 and self.client.writes == 1:
            raise CannotStart(errors.explanation(error.code, error.reason)) from None
        self.silent = self.silent + 1 if error.status is None else 0
        if error.fatal:
            raise error
        if self.silent >= PATIENCE:
            raise ProvisioningError(errors.UNAVAILABLE, f"{PATIENCE} requests in a row: {error.reason}")

    def matched(
        self, entry: Entry, rules: list[Rule], endpoint: str, **query: str
    ) -> tuple[Link, Any] | None:
        """Look an object up by its matching attributes in their order; link and answer, or None."""
        values = entry.values(False)
        if not any(rule.value(values) for rule in rules):
            raise ProvisioningError("MissingValues", "The object has no value for a matching attribute.")
        for rule in rules:
            value = rule.value(values)
            found = answers.search(self, endpoint, rule.target, value, **query) if value else None
            if found:
                return self.link(entry, found), found
        return None

    def link(self, entry: Entry, found: Any) -> Link:
        """Remember a counterpart that was found; it is ours only when we tried to make it."""
        other = next((one for one, link in self.links.items() if link.id == found["id"]), entry.id)
        if other != entry.id:
            raise ProvisioningError(
                "DuplicateSourceEntries",
                f"The target's {found['id']} already belongs to source object {other}.",
            )
        self.links[entry.id] = Link(found["id"], entry.id in self.attempted, entry.kind)
        return self.links[entry.id]
