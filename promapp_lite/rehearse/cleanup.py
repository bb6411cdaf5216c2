"""Leaving the target as it was: whatever the rehearsal made is deleted, and nothing else."""

from promapp_lite.rehearse import answers, mapping
from promapp_lite.rehearse.faults import Fault
from promapp_lite.rehearse.job import Job

TRIES = 6
GONE = (200, 204, 404)


def leave(job: Job) -> list[str]:
    """Delete groups, then people; what is left behind, an id or name each."""
    recover(job)
    made = [(link.path, source_id) for source_id, link in job.links.items() if link.made]
    made.sort(key=lambda pair: pair[0].startswith("/Users"))
    for _ in range(TRIES):
        made = [pair for number, pair in enumerate(made) if not deleted(job, pair[0], number, len(made))]
        if not made:
            return unanswered(job)
    return [path for path, _ in made] + unanswered(job)


def deleted(job: Job, path: str, number: int, total: int) -> bool:
    """Delete an object, and look whether it is gone."""
    job.tell("cleaning up", number, total)
    try:
        answer = job.client.send("DELETE", path)
        return answer.status in GONE and job.client.get(path).status == 404
    except Fault:
        return False


def recover(job: Job) -> None:
    """Link what was posted without an answer, if it is there: it is ours."""
    for _ in range(TRIES):
        for source_id in unlinked(job):
            adopt(job, source_id)


def unlinked(job: Job) -> list[str]:
    """Source ids of what was posted and never linked."""
    known = {**job.directory.people, **job.directory.groups}
    return [one for one in job.attempted if one not in job.links and one in known]


def adopt(job: Job, source_id: str) -> None:
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
    except Fault:
        return


def unanswered(job: Job) -> list[str]:
    """Names of what may have been made, but nobody could be asked about."""
    return [f"{job.attempted[one]} (perhaps)" for one in unlinked(job)]
