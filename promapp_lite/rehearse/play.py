"""A whole provisioning life: connect, initial, quiet, incremental cycles, retries, restart."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from promapp_lite.rehearse import answers, check, cleanup, findings, probes, service
from promapp_lite.rehearse.escrow import CYCLE
from promapp_lite.rehearse.faults import Fault
from promapp_lite.rehearse.job import Job
from promapp_lite.rehearse.life import Life
from promapp_lite.rehearse.report import FAILURE, SUCCESS, Cycle


class Refused(Exception):
    """A rehearsal that must not begin; the text says why."""


@dataclass
class Outcome:
    """A life that was played: its job, what was left behind, whether it was stopped."""

    job: Job
    form: str
    left: list[str] = field(default_factory=list)
    stopped: bool = False
    quiet_writes: int = 0
    seconds: float = 0.0

    @property
    def failures(self) -> int:
        """Objects that still failed at the end."""
        return len(self.job.escrow.entries)

    @property
    def converged(self) -> bool:
        """Whether the last comparison found the target as the source wants it."""
        compared = [each for each in self.job.cycles if each.differences is not None]
        return bool(compared) and not compared[-1].differences

    @property
    def defects(self) -> dict[str, str]:
        """The findings that are more than remarks."""
        return {name: text for name, text in self.job.findings.items() if name not in findings.REMARKS}

    @property
    def ok(self) -> bool:
        """Nothing failed, nothing differs, nothing was written twice, nothing is left."""
        failed = any(row.status == FAILURE for row in self.job.rows)
        return not (
            failed
            or self.failures
            or self.stopped
            or self.left
            or self.defects
            or self.job.quarantine
            or not self.converged
        )

    def document(self) -> dict[str, Any]:
        """The life for --json."""
        job = self.job
        return {
            "form": self.form,
            "ok": self.ok,
            "converged": self.converged,
            "stopped": self.stopped,
            "failures": self.failures,
            "quarantine": job.quarantine,
            "requests": job.client.requests,
            "seconds": round(self.seconds, 3),
            "writes": job.client.writes,
            "cycles": [cycle.document() for cycle in job.cycles],
            "findings": [
                {
                    "name": name,
                    "evidence": text,
                    "meaning": findings.MEANING[name],
                    "remark": name in findings.REMARKS,
                }
                for name, text in job.findings.items()
            ],
            "leftBehind": self.left,
            "value": [row.document() for row in job.rows],
        }


def people_there(job: Job) -> int | None:
    """How many people the target holds; None when it does not say."""
    answer = job.client.get("/Users", startIndex=1, count=1)
    try:
        answers.listed(job, "GET /Users?startIndex=1&count=1", answer)
        return int(answer.body["totalResults"])
    except (Fault, TypeError, ValueError):
        return None


def open_door(job: Job, yes: bool) -> None:
    """Test Connection, then make sure that nobody lives here; Refused otherwise."""
    cycle = Cycle("Test Connection")
    job.cycles.append(cycle)
    before = job.client.requests
    try:
        service.probe(job)
        there = people_there(job)
    except Fault as fault:
        service.close_down(job, fault)
        raise
    finally:
        cycle.requests = job.client.requests - before
    if there != 0 and not yes:
        said = f"holds {there} people" if there else "does not say how many people it holds"
        raise Refused(
            f"the target {said}; a rehearsal belongs on an empty one "
            "(--yes rehearses all the same, and touches only what it makes itself)"
        )


def play(
    job: Job,
    life: Life,
    cycles: int,
    retries: int,
    keep: bool,
    form: str,
    say: Callable[[Cycle], None],
) -> Outcome:
    """Play the life and leave the target as it was; a Ctrl-C ends it early, not the cleaning."""
    outcome, start = Outcome(job, form), time.perf_counter()
    try:
        live(job, life, cycles, retries, say, outcome)
    except KeyboardInterrupt:
        outcome.stopped = True
        job.client.stop.asked = False
    if not keep:
        outcome.left = cleanup.leave(job)
    outcome.seconds = time.perf_counter() - start
    return outcome


def live(
    job: Job, life: Life, cycles: int, retries: int, say: Callable[[Cycle], None], outcome: Outcome
) -> None:
    """The cycles in their order."""

    def after(cycle: Cycle, quiet: bool = False) -> None:
        settle(job, cycle, quiet, outcome)
        say(cycle)

    after(service.initial(job))
    retry(job, retries, after)
    if job.quarantine:
        return
    after(service.restart(job, "unchanged", references=False), quiet=True)
    for number in range(1, cycles + 1):
        events = life.go_on()
        cycle = service.incremental(job, f"incremental {number}")
        cycle.events = events
        after(cycle)
    retry(job, retries, after)
    if cycles and not job.quarantine:
        after(service.restart(job, "restart"))
        retry(job, retries, after)
        after(service.restart(job, "unchanged again"), quiet=True)
        retry(job, retries, after)
    if not job.quarantine:
        probes.ask(job)


def retry(job: Job, most: int, after: Callable[[Cycle], None]) -> None:
    """Further cycles while something waits in escrow or the job is in quarantine."""
    for _ in range(most):
        due = job.escrow.next()
        if due is None and not job.quarantine:
            return
        job.clock.wait((due or 0.0) - CYCLE + 1)
        number = sum(cycle.name.startswith("retry") for cycle in job.cycles) + 1
        after(service.incremental(job, f"retry {number}"))


def settle(job: Job, cycle: Cycle, quiet: bool, outcome: Outcome) -> None:
    """Compare after a cycle, and hold an unchanged one to sending no writes."""
    again = [row for row in job.rows if row.cycle == cycle.name and row.status == SUCCESS]
    if quiet and again and not cycle.quarantine:
        outcome.quiet_writes += len(again)
        paths = sorted({change.path for row in again for change in row.changes})
        job.find(
            "NotIdempotent",
            f"{len(again)} objects written in the cycle “{cycle.name}”: {', '.join(paths)}",
        )
    if cycle.quarantine:
        return
    try:
        cycle.differences = check.compare(job)
    except Fault as fault:
        cycle.differences = [f"the target could not be read back: {fault}"]
