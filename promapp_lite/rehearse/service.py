"""The provisioning service: Test Connection, initial and incremental cycles, restart."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from promapp_lite.rehearse import answers, faults, groups, mapping, people, scope
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, Entry, Person
from promapp_lite.rehearse.escrow import CYCLE, QUARANTINED_CYCLE
from promapp_lite.rehearse.faults import Fault
from promapp_lite.rehearse.job import Job
from promapp_lite.rehearse.report import Cycle, Row

Thing = TypeVar("Thing")
CREDENTIALS = {401: faults.REFUSED, 403: faults.REFUSED}


def probe(job: Job) -> None:
    """Test Connection: look for a random user and group; Fault says what the portal would."""
    for endpoint, rules, query in (
        ("/Users", job.table.users, {}),
        ("/Groups", job.table.groups, groups.WITHOUT_MEMBERS),
    ):
        path = mapping.matchers(rules)[0].target
        try:
            answers.search(job, endpoint, path, str(uuid.uuid4()), **query)
        except Fault as fault:
            raise portal(fault) from None


def portal(fault: Fault) -> Fault:
    """The fault as Test Connection calls it."""
    if fault.code in faults.FATAL and fault.status != 401:
        return fault
    code = CREDENTIALS.get(fault.status or 0)
    if not code:
        unavailable = fault.status is None or fault.status >= 429
        code = faults.UNAVAILABLE if unavailable else faults.INCOMPATIBLE
    return Fault(code, fault.reason, fault.status)


def judge(job: Job) -> None:
    """Note for everything out of scope why it is; `job.out` maps source id → code, reason."""
    entitled = job.directory.entitled()
    job.out = {}
    for entry in job.directory.entries():
        reason = why_out(job, entry, entry.id in entitled)
        if reason:
            job.out[entry.id] = reason


def why_out(job: Job, entry: Entry, entitled: bool) -> tuple[str, str] | None:
    """Why an object is out of scope, None when it is in scope."""
    if not (entitled or job.everyone):
        how = "with Default Access only" if entry.role == DEFAULT_ACCESS else "in no way"
        return "NotEffectivelyEntitled", f"The object is assigned {how}."
    person = isinstance(entry, Person)
    filters = job.table.user_filters if person else job.table.group_filters
    if not scope.passes(filters, entry.values(False)):
        return "EntrySynchronizationSkipped", "The object does not pass the scoping filters."
    if isinstance(entry, Person) and (entry.deleted or not entry.enabled):
        how = "soft deleted" if entry.deleted else "disabled"
        return "EntrySynchronizationSkipped", f"The person is {how} in the source."
    return None


def initial(job: Job, name: str = "initial") -> Cycle:
    """The first cycle: everybody, every group."""
    pass_time(job)
    return run(job, name, lambda entry: True)


def incremental(job: Job, name: str) -> Cycle:
    """What changed since the watermark, came into or went out of scope, or is due in escrow."""
    pass_time(job)
    before, due = job.out_before, job.escrow.due(job.clock.now)
    return run(
        job,
        name,
        lambda entry: (
            entry.modified > job.watermark or entry.id in due or (entry.id in before) != (entry.id in job.out)
        ),
    )


def restart(job: Job, name: str, references: bool = True) -> Cycle:
    """Everything is evaluated anew, links kept; references that waited for it are sent."""
    if references:
        job.deferred.clear()
    pass_time(job)
    return run(job, name, lambda entry: True)


def pass_time(job: Job) -> None:
    """Wait for the next cycle: 40 minutes, in quarantine a day."""
    job.clock.wait(job.clock.now + (QUARANTINED_CYCLE if job.quarantine else CYCLE))


def run(job: Job, name: str, concerned: Callable[[Entry], bool]) -> Cycle:
    """One cycle over the objects it concerns; a fatal Fault quarantines the job."""
    cycle = Cycle(name, Counter())
    job.cycles.append(cycle)
    start, requests, writes = time.perf_counter(), job.client.requests, job.client.writes
    try:
        work(job, concerned)
        job.quarantine = None
    except Fault as fault:
        close_down(job, fault)
    finally:
        cycle.requests, cycle.writes = job.client.requests - requests, job.client.writes - writes
        cycle.seconds = time.perf_counter() - start
    return cycle


def close_down(job: Job, fault: Fault) -> None:
    """Quarantine the job and say so in the log."""
    job.quarantine = job.cycle.quarantine = fault.code
    row = Row(job.cycle.name, "Job", "", "Entra provisioning", action="other")
    row.fail(fault)
    job.close(row)


def work(job: Job, concerned: Callable[[Entry], bool]) -> None:
    """A cycle's order: probe, people, groups, deletions, references; then the watermark."""
    mark = job.directory.tick
    job.seen, job.failed, job.silent = {}, {}, 0
    probe(job)
    judge(job)
    entries = [entry for entry in job.directory.entries() if concerned(entry)]
    persons = [entry for entry in entries if isinstance(entry, Person)]
    teams = [entry for entry in entries if not isinstance(entry, Person)]
    gone = [
        one
        for one, tick in job.directory.purged.items()
        if one in job.links and (tick > job.watermark or one in job.escrow.entries)
    ]
    try:
        each(job, "people", persons, people.sync)
        each(job, "groups", teams, groups.sync)
        each(job, "deletions", gone, people.remove)
        each(job, "managers", persons, people.sync_manager)
        each(job, "members", teams, groups.sync_members)
    except Fault:
        settle(job, [])
        raise
    settle(job, [entry.id for entry in entries])
    job.watermark, job.out_before = mark, set(job.out)
    if job.escrow.excessive(len(job.directory.people) + len(job.directory.groups)):
        raise Fault(
            "EncounteredEscrowProportionThreshold",
            f"{len(job.escrow.entries)} objects fail.",
            fatal=True,
        )


def each(job: Job, what: str, things: Iterable[Thing], act: Callable[[Job, Thing], None]) -> None:
    """Do it to each, telling how far it is."""
    listed = list(things)
    if not listed:
        return
    for done, thing in enumerate(listed):
        job.tell(what, done, len(listed))
        act(job, thing)
    job.tell(what, len(listed), len(listed))


def settle(job: Job, evaluated: Iterable[str]) -> None:
    """Put what failed in this cycle into escrow, take out what is in order now."""
    for source_id, (code, reference) in job.failed.items():
        job.escrow.fail(source_id, job.clock.now, code, reference)
    for source_id in evaluated:
        if source_id not in job.failed:
            job.escrow.settle(source_id)
