"""The provisioning service: Test Connection, initial and incremental cycles, restart."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from promapp_lite.rehearse import checks, groups, mapping, people, scope
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, Entry, Person
from promapp_lite.rehearse.escrow import CYCLE, QUARANTINED_CYCLE
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.protocol import answers, errors, paths
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.report import Cycle, Row

Item = TypeVar("Item")
CREDENTIALS = {401: errors.REFUSED, 403: errors.REFUSED}


def probe(job: ProvisioningJob) -> None:
    """Test Connection: look for a random user and group; ProvisioningError says what the portal would."""
    for endpoint, rules, query in (
        ("/Users", job.table.users, {}),
        ("/Groups", job.table.groups, groups.WITHOUT_MEMBERS),
    ):
        path = mapping.matchers(rules)[0].target
        try:
            answers.search(job, endpoint, path, str(uuid.uuid4()), **query)
        except ProvisioningError as error:
            raise portal(error) from None


def portal(error: ProvisioningError) -> ProvisioningError:
    """The error as Test Connection reports it."""
    if error.code in errors.FATAL and error.status != 401:
        return error
    code = CREDENTIALS.get(error.status or 0)
    if not code:
        unavailable = error.status is None or error.status >= 429
        code = errors.UNAVAILABLE if unavailable else errors.INCOMPATIBLE
    return ProvisioningError(code, error.reason, error.status)


def evaluate_scope(job: ProvisioningJob) -> None:
    """Note for everything out of scope why it is; `job.out` maps source id → code, reason."""
    entitled = job.directory.entitled()
    job.out = {}
    for entry in job.directory.entries():
        reason = why_out(job, entry, entry.id in entitled)
        if reason:
            job.out[entry.id] = reason


def why_out(job: ProvisioningJob, entry: Entry, entitled: bool) -> tuple[str, str] | None:
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


def initial(job: ProvisioningJob, name: str = "initial") -> Cycle:
    """The first cycle: everybody, every group."""
    pass_time(job)
    return run(job, name, lambda entry: True)


def incremental(job: ProvisioningJob, name: str) -> Cycle:
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


def restart(job: ProvisioningJob, name: str, references: bool = True) -> Cycle:
    """Everything is evaluated anew, links kept; references that waited for it are sent."""
    if references:
        job.deferred.clear()
    pass_time(job)
    return run(job, name, lambda entry: True)


def pass_time(job: ProvisioningJob) -> None:
    """Wait for the next cycle: 40 minutes, in quarantine a day."""
    job.clock.wait(job.clock.now + (QUARANTINED_CYCLE if job.quarantine else CYCLE))


def discover(job: ProvisioningJob, name: str = "discovery") -> Cycle:
    """Read every account page by page, as Entra's account discovery does, and match each to the source."""
    return timed(job, name, lambda: match_accounts(job))


def match_accounts(job: ProvisioningJob) -> None:
    """Count the accounts of the target, and those that match somebody in the source."""
    rule = mapping.matchers(job.table.users)[0]
    known = {(rule.value(person.values(False)) or "").casefold() for person in job.directory.people.values()}
    row = Row(job.cycle.name, "Job", "", "Account discovery")
    try:
        found = [str(paths.read(each, rule.target)).casefold() for each in checks.everybody(job)]
        job.cycle.events = {"accounts": len(found), "matched": sum(value in known for value in found)}
    except ProvisioningError as error:
        row.fail(error)
        job.close(row)


def run(job: ProvisioningJob, name: str, concerned: Callable[[Entry], bool]) -> Cycle:
    """One cycle over the objects it concerns."""
    return timed(job, name, lambda: work(job, concerned))


def timed(job: ProvisioningJob, name: str, act: Callable[[], None]) -> Cycle:
    """A cycle with what it cost; an error that it raises quarantines the job."""
    cycle = Cycle(name, Counter())
    job.cycles.append(cycle)
    start, requests, writes = time.perf_counter(), job.client.requests, job.client.writes
    try:
        act()
        job.quarantine = None
    except ProvisioningError as error:
        quarantine(job, error)
    finally:
        cycle.requests, cycle.writes = job.client.requests - requests, job.client.writes - writes
        cycle.seconds = time.perf_counter() - start
    return cycle


def quarantine(job: ProvisioningJob, error: ProvisioningError) -> None:
    """Quarantine the job and say so in the log."""
    job.quarantine = job.cycle.quarantine = error.code
    row = Row(job.cycle.name, "Job", "", "Entra provisioning", action="other")
    row.fail(error)
    job.close(row)


def work(job: ProvisioningJob, concerned: Callable[[Entry], bool]) -> None:
    """A cycle's order: probe, people, groups, deletions, references; then the watermark."""
    mark = job.directory.tick
    job.seen, job.failed, job.silent = {}, {}, 0
    probe(job)
    evaluate_scope(job)
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
    except ProvisioningError:
        settle(job, [])
        raise
    settle(job, [entry.id for entry in entries])
    job.watermark, job.out_before = mark, set(job.out)
    if job.escrow.excessive(len(job.directory.people) + len(job.directory.groups)):
        raise ProvisioningError(
            "EncounteredEscrowProportionThreshold",
            f"{len(job.escrow.entries)} objects fail.",
            fatal=True,
        )


def each(
    job: ProvisioningJob, label: str, items: list[Item], act: Callable[[ProvisioningJob, Item], None]
) -> None:
    """Do it to each, showing how far it is."""
    for item in job.track(label, items):
        act(job, item)


def settle(job: ProvisioningJob, evaluated: Iterable[str]) -> None:
    """Put what failed in this cycle into escrow, take out what is in order now."""
    for source_id, (code, reference) in job.failed.items():
        job.escrow.fail(source_id, job.clock.now, code, reference)
    for source_id in evaluated:
        if source_id not in job.failed:
            job.escrow.settle(source_id)
