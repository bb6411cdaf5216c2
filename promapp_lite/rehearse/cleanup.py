"""Leaving the target as it was: whatever the rehearsal made is deleted, and nothing else."""

from contextlib import suppress

from promapp_lite.rehearse import mapping
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.protocol import answers
from promapp_lite.rehearse.protocol.errors import ProvisioningError

TRIES = 6


def leave(job: ProvisioningJob) -> list[str]:
    """Delete groups, then people; what is left behind, an id or name each."""
    recover(job)
    made = [(link.path, source_id) for source_id, link in job.links.items() if link.made]
    made.sort(key=lambda pair: pair[0].startswith("/Users"))
    for _ in range(TRIES):
        made = [pair for pair in job.track("cleaning up", made) if not deleted(job, pair[0])]
        if not made:
            return unanswered(job)
    return [path for path, _ in made] + unanswered(job)


def deleted(job: ProvisioningJob, path: str) -> bool:
    """Delete an object; whether it is gone, by what a GET says afterwards and not by the answer to DELETE."""
    with suppress(ProvisioningError):
        job.client.send("DELETE", path)
    try:
        return job.client.get(path).status == 404
    except ProvisioningError:
        return False


def recover(job: ProvisioningJob) -> None:
    """Link what was posted without an answer, if it is there: it is ours."""
    for _ in range(TRIES):
        for source_id in unlinked(job):
            adopt(job, source_id)


def unlinked(job: ProvisioningJob) -> list[str]:
    """Source ids of what was posted and never linked."""
    known = {**job.directory.people, **job.directory.groups}
    return [one for one in job.attempted if one not in job.links and one in known]


def adopt(job: ProvisioningJob, source_id: str) -> None:
    """Look for one object by its matching attribute; not finding it means it was never made."""
    person = job.directory.people.get(source_id)
    entry = person or job.directory.groups[source_id]
    rules = job.table.users if person else job.table.groups
    path = mapping.matchers(rules)[0].target
    try:
        found = answers.search(job, f"/{entry.kind}s", path, job.attempted[source_id])
        if found:
            job.link(entry, found)
        else:
            del job.attempted[source_id]
    except ProvisioningError:
        return


def unanswered(job: ProvisioningJob) -> list[str]:
    """Names of what may have been made, but nobody could be asked about."""
    return [f"{job.attempted[one]} (perhaps)" for one in unlinked(job)]
