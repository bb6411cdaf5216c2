"""A whole rehearsal: connect, initial, quiet, incremental cycles, retries, restart."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from promapp_lite.rehearse import checks, cleanup, cycles, findings, probes
from promapp_lite.rehearse.escrow import CYCLE
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.protocol import answers
from promapp_lite.rehearse.protocol.errors import CannotStart, ProvisioningError
from promapp_lite.rehearse.report import FAILURE, SUCCESS, Cycle
from promapp_lite.rehearse.workforce import Workforce

FORMS = {False: "without aadOptscim062020", True: "with aadOptscim062020"}


class Plan(NamedTuple):
    """How many incremental cycles and retries to run, and whether to leave what was created."""

    cycles: int = 3
    retries: int = 4
    keep: bool = False


@dataclass
class Outcome:
    """What a run came to: its job, what was left behind, whether it was stopped."""

    job: ProvisioningJob
    left: list[str] = field(default_factory=list)
    stopped: bool = False
    quiet_writes: int = 0
    seconds: float = 0.0

    @property
    def form(self) -> str:
        """Which form of requests was sent."""
        return FORMS[self.job.client.flag]

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
        """The run for --json."""
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


def people_there(job: ProvisioningJob) -> int | None:
    """How many people the target holds; None when it does not say."""
    answer = job.client.get("/Users", startIndex=1, count=1)
    try:
        answers.listed(job, "GET /Users?startIndex=1&count=1", answer)
        return int(answer.body["totalResults"])
    except (ProvisioningError, TypeError, ValueError):
        return None


def connect(job: ProvisioningJob, yes: bool) -> None:
    """Test Connection; CannotStart when the target already holds people, unless `yes`."""
    cycle = Cycle("Test Connection")
    job.cycles.append(cycle)
    before = job.client.requests
    try:
        cycles.probe(job)
        there = people_there(job)
    except ProvisioningError as error:
        cycles.quarantine(job, error)
        raise
    finally:
        cycle.requests = job.client.requests - before
    if there != 0 and not yes:
        said = f"holds {there} people" if there else "does not say how many people it holds"
        raise CannotStart(
            f"The target {said}, and a rehearsal needs an empty one. With --yes it runs all the same, "
            "and changes only what it has created itself."
        )


def run(job: ProvisioningJob, workforce: Workforce, plan: Plan, report: Callable[[Cycle], None]) -> Outcome:
    """All cycles of the plan; what they created is deleted again, after Ctrl-C too."""
    outcome, start = Outcome(job), time.perf_counter()
    try:
        run_cycles(job, workforce, plan, Recorder(outcome, report))
    except KeyboardInterrupt:
        outcome.stopped = True
        job.client.stop.asked = False
    if not plan.keep:
        outcome.left = cleanup.leave(job)
    outcome.seconds = time.perf_counter() - start
    return outcome


class Recorder(NamedTuple):
    """Checks the target after a cycle, and reports the cycle."""

    outcome: Outcome
    report: Callable[[Cycle], None]

    def __call__(self, cycle: Cycle, unchanged: bool = False) -> None:
        """Compare target and source; in an unchanged cycle nothing may have been written."""
        if unchanged and not cycle.quarantine:
            note_writes(self.outcome, cycle)
        if not cycle.quarantine:
            cycle.differences = differences(self.outcome.job)
        self.report(cycle)


def run_cycles(job: ProvisioningJob, workforce: Workforce, plan: Plan, record: Recorder) -> None:
    """The cycles in their order; a quarantine that does not heal ends them."""
    record(cycles.initial(job))
    retry(job, plan.retries, record)
    if job.quarantine:
        return
    record(cycles.restart(job, "unchanged", references=False), unchanged=True)
    record.report(cycles.discover(job))
    for number in range(1, plan.cycles + 1):
        events = workforce.advance()
        cycle = cycles.incremental(job, f"incremental {number}")
        cycle.events = events
        record(cycle)
    retry(job, plan.retries, record)
    if plan.cycles and not job.quarantine:
        record(cycles.restart(job, "restart"))
        retry(job, plan.retries, record)
        record(cycles.restart(job, "unchanged again"), unchanged=True)
        retry(job, plan.retries, record)
    if not job.quarantine:
        probes.ask(job)


def retry(job: ProvisioningJob, most: int, record: Recorder) -> None:
    """Further cycles while something waits in escrow or the job is in quarantine."""
    for _ in range(most):
        due = job.escrow.next()
        if due is None and not job.quarantine:
            return
        job.clock.wait((due or 0.0) - CYCLE + 1)
        number = sum(cycle.name.startswith("retry") for cycle in job.cycles) + 1
        record(cycles.incremental(job, f"retry {number}"))


def note_writes(outcome: Outcome, cycle: Cycle) -> None:
    """Note what was written in a cycle in which nothing had changed."""
    again = [row for row in outcome.job.rows if row.cycle == cycle.name and row.status == SUCCESS]
    if not again:
        return
    outcome.quiet_writes += len(again)
    paths = sorted({change.path for row in again for change in row.changes})
    outcome.job.note(
        "NotIdempotent", f"{len(again)} objects written in the cycle “{cycle.name}”: {', '.join(paths)}"
    )


def differences(job: ProvisioningJob) -> list[str]:
    """How the target differs from the source, a sentence each."""
    try:
        return checks.compare(job)
    except ProvisioningError as error:
        return [f"the target could not be read back: {error}"]
