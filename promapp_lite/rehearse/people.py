"""One person's way into the target: match, create, update, disable, delete, then the manager."""

from typing import Any

from promapp_lite.rehearse import mapping
from promapp_lite.rehearse.directory import Group, Person
from promapp_lite.rehearse.job import Link, ProvisioningJob
from promapp_lite.rehearse.protocol import answers, forms
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.protocol.forms import Change
from promapp_lite.rehearse.report import Row


def sync(job: ProvisioningJob, person: Person) -> None:
    """Bring a person to the state of the source, all but references."""
    with job.logged(person) as row:
        reason = job.out.get(person.id)
        link = job.links.get(person.id)
        if reason and not link:
            row.skip(*reason)
            return
        current = fetch(job, link) if link else match(job, person)
        if current is None:
            create(job, person, row)
        else:
            update(job, person, current, row)


def match(job: ProvisioningJob, person: Person) -> Any:
    """The person's resource in the target, found by matching attributes; None when not there."""
    found = job.matched(person, mapping.matchers(job.table.users), "/Users")
    return found[1] if found else None


def fetch(job: ProvisioningJob, link: Link) -> Any:
    """The resource by its id; 404 is InvalidAnchor."""
    operation = f"GET {link.path}"
    answer = answers.expect(operation, job.client.get(link.path), 200)
    return answers.readable(job, operation, answer.body)


def create(job: ProvisioningJob, person: Person, row: Row) -> None:
    """POST the person; from here on they are ours, answer or not."""
    row.action = "create"
    values = mapping.desired(job.table.users, person.values(False), creating=True)
    row.changes = [Change(path, None, value) for path, value in values.items()]
    job.seen[person.id] = post(job, person, "/Users", forms.user_body(values), row)


def matching_value(job: ProvisioningJob, entry: Person | Group) -> str:
    """What an object will be found by."""
    rules = job.table.users if isinstance(entry, Person) else job.table.groups
    return mapping.matchers(rules)[0].value(entry.values(False)) or entry.name


def post(job: ProvisioningJob, entry: Person | Group, endpoint: str, body: Any, row: Row) -> Any:
    """POST an object and link it; 409 says somebody else made what is there."""
    known = entry.id in job.attempted
    job.attempted[entry.id] = matching_value(job, entry)
    answer = job.client.send("POST", endpoint, body=body)
    if answer.status == 409 and not known:
        del job.attempted[entry.id]
    answers.expect(f"POST {endpoint}", answer, 201)
    resource = answers.readable(job, f"POST {endpoint}", answer.body)
    job.links[entry.id] = Link(resource["id"], True, entry.kind)
    row.target_id = resource["id"]
    return resource


def update(job: ProvisioningJob, person: Person, current: Any, row: Row) -> None:
    """PATCH what differs; out of scope that is `active` alone."""
    link = job.links[person.id]
    row.target_id = link.id
    job.seen[person.id] = current
    reason = job.out.get(person.id)
    wanted = mapping.desired(job.table.users, person.values(bool(reason)))
    if reason:
        wanted = {path: value for path, value in wanted.items() if path == "active"}
        link.released = link.released or reason[0] == "NotEffectivelyEntitled"
    else:
        link.released = False
    row.changes = forms.differences(wanted, current)
    if not row.changes:
        return
    if not link.made:
        skip_foreign(row, "person")
        return
    row.action = "disable" if reason else "update"
    patch(job, link, row.changes)


def skip_foreign(row: Row, what: str) -> None:
    """Change nothing in the target that this run did not make, and say what would change."""
    paths = ", ".join(change.path for change in row.changes)
    row.skip("EntrySynchronizationSkipped", f"The target had this {what} before; Entra would update: {paths}")


def patch(job: ProvisioningJob, link: Link, changes: list[Change]) -> None:
    """Send the changes as one PATCH; 200 with the resource, or 204."""
    body = forms.patch(forms.operations(changes, job.client.flag))
    answer = job.client.send("PATCH", link.path, body=body)
    answers.expect(f"PATCH {link.path}", answer, 200, 204)


def sync_manager(job: ProvisioningJob, person: Person) -> None:
    """Send the manager once both exist; a manager out of scope waits for a restart."""
    path, link = mapping.reference(job.table.users), job.links.get(person.id)
    if not (path and link and link.made and person.manager) or person.id in job.out:
        return
    boss = job.links.get(person.manager)
    if not boss or (person.id, person.manager) in job.deferred:
        return defer(job, person)
    if person.id not in job.seen:
        return None  # the person failed in this cycle; escrow brings both back
    with job.logged(person, reference=True) as row:
        row.changes = forms.differences({path: boss.id}, job.seen[person.id])
        if row.changes:
            row.action = "update"
            patch(job, link, row.changes)
    return None


def defer(job: ProvisioningJob, person: Person) -> None:
    """Leave the reference out: until a restart, or until a manager who failed is there."""
    manager = person.manager or ""
    if manager in job.out or (person.id, manager) in job.deferred:
        job.deferred.add((person.id, manager))
        return
    with job.logged(person, reference=True) as row:
        row.action = "update"
        raise ProvisioningError("ReferenceNotFound", f"The manager {manager} is not in the target yet.", 0)


def remove(job: ProvisioningJob, source_id: str) -> None:
    """DELETE an object that was made here; 404 means it is already gone."""
    link = job.links.get(source_id)
    if not link:
        return job.escrow.settle(source_id)
    if link.released or not link.made:
        return None
    with job.logged(Person(source_id, {"userPrincipalName": source_id}, kind=link.kind)) as row:
        row.action = "delete"
        answer = job.client.send("DELETE", link.path)
        answers.expect(f"DELETE {link.path}", answer, 204, 200, 404)
        job.gone[link.id] = link.path
        del job.links[source_id]
        job.sent.pop(source_id, None)
        job.escrow.settle(source_id)
    return None
