"""The provisioning log: a row for everything done, skipped or failed, and the sums."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from promapp_lite import csvio
from promapp_lite.rehearse.protocol.errors import ProvisioningError, advice
from promapp_lite.rehearse.protocol.forms import Change
from promapp_lite.text import printable

SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"
COLUMNS = (
    "time",
    "cycle",
    "action",
    "status",
    "type",
    "sourceId",
    "sourceName",
    "targetId",
    "changed",
    "errorCode",
    "reason",
    "recommendedAction",
    "milliseconds",
)


@dataclass
class Row:
    """One line of the log; `changes` are attribute, old and new value."""

    cycle: str
    kind: str
    source_id: str
    source_name: str
    action: str = ""
    status: str = SUCCESS
    target_id: str | None = None
    changes: list[Change] = field(default_factory=list)
    code: str | None = None
    reason: str | None = None
    milliseconds: float = 0.0
    time: str = ""

    def fail(self, error: ProvisioningError) -> None:
        """Make it a failure with the error's code and reason."""
        self.status, self.code, self.reason = FAILURE, error.code, error.reason
        self.action = self.action or "other"

    def skip(self, code: str, reason: str) -> None:
        """Make it a skip, with why."""
        self.action, self.status = self.action or "other", SKIPPED
        self.code, self.reason = code, reason

    @property
    def advice(self) -> str | None:
        """The recommended action for a row that did not succeed."""
        return advice(self.code)

    def document(self) -> dict[str, Any]:
        """The row in the shape of Microsoft Graph's provisioningObjectSummary."""
        information = (
            None
            if self.status == SUCCESS
            else {"errorCode": self.code, "reason": self.reason, "recommendedAction": self.advice}
        )
        return {
            "activityDateTime": self.time,
            "cycleId": self.cycle,
            "provisioningAction": self.action,
            "provisioningStatusInfo": {"status": self.status, "errorInformation": information},
            "sourceIdentity": {
                "id": self.source_id,
                "displayName": self.source_name,
                "identityType": self.kind,
            },
            "targetIdentity": {"id": self.target_id, "identityType": self.kind},
            "modifiedProperties": [
                {"displayName": path, "oldValue": old, "newValue": new} for path, old, new in self.changes
            ],
            "durationInMilliseconds": round(self.milliseconds),
        }

    def line(self) -> tuple[Any, ...]:
        """The row as cells in the order of COLUMNS."""
        changed = "; ".join(f"{path}: {old} -> {new}" for path, old, new in self.changes)
        return (
            self.time,
            self.cycle,
            self.action,
            self.status,
            self.kind,
            self.source_id,
            self.source_name,
            self.target_id,
            changed,
            self.code,
            self.reason,
            self.advice,
            round(self.milliseconds),
        )


@dataclass
class Cycle:
    """What one cycle did and cost, and what the target looked like afterwards."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    writes: int = 0
    seconds: float = 0.0
    events: dict[str, int] = field(default_factory=dict)
    quarantine: str | None = None
    differences: list[str] | None = None

    @property
    def verdict(self) -> str:
        """How it ended, in a word or two."""
        if self.quarantine:
            return "quarantine"
        if self.differences is None:
            return "ok"
        return f"{len(self.differences)} differences" if self.differences else "converged"

    def document(self) -> dict[str, Any]:
        """The cycle for --json."""
        return {
            "name": self.name,
            "counts": dict(self.counts),
            "requests": self.requests,
            "writes": self.writes,
            "seconds": round(self.seconds, 3),
            "events": self.events,
            "quarantine": self.quarantine,
            "verdict": self.verdict,
            "converged": None if self.differences is None else not self.differences,
            "differences": self.differences or [],
        }


def tally(row: Row) -> str:
    """The column of the summary a row counts in."""
    return row.action if row.status == SUCCESS else row.status


def as_csv(rows: Iterable[Row]) -> str:
    """The log as CSV with a heading."""
    return "".join(map(csvio.line, (COLUMNS, *(row.line() for row in rows))))


# heading → cell; together at most 80 columns
TABLE: dict[str, Callable[[Cycle], Any]] = {
    "cycle": lambda cycle: cycle.name,
    "create": lambda cycle: cycle.counts["create"],
    "update": lambda cycle: cycle.counts["update"],
    "disable": lambda cycle: cycle.counts["disable"],
    "delete": lambda cycle: cycle.counts["delete"],
    "skip": lambda cycle: cycle.counts[SKIPPED],
    "fail": lambda cycle: cycle.counts[FAILURE],
    "requests": lambda cycle: cycle.requests,
    "time": lambda cycle: f"{cycle.seconds:.1f}",
    "target": lambda cycle: cycle.verdict.replace("differences", "differ"),
}


def table(cycles: Iterable[Cycle]) -> str:
    """The summary: a line for each cycle, columns aligned."""
    lines = [list(TABLE), *([str(cell(cycle)) for cell in TABLE.values()] for cycle in cycles)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(printable(aligned(line, widths)) for line in lines)


def aligned(line: list[str], widths: list[int]) -> str:
    """Cells under each other: the first and the last to the left, numbers to the right."""
    first, *numbers, last = line
    cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False)]
    return " ".join([first.ljust(widths[0]), *cells, last])
