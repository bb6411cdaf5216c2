"""One group's way into the target: match, create, update, delete, then its members."""

from typing import Any

from promapp_lite.rehearse import mapping
from promapp_lite.rehearse.directory import Group
from promapp_lite.rehearse.job import Link, ProvisioningJob
from promapp_lite.rehearse.people import post, remove, skip_foreign
from promapp_lite.rehearse.protocol import answers, forms
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.protocol.forms import Change
from promapp_lite.rehearse.report import Row

REDUNDANT = 20  # members a removal sends again, one request each, as Entra is known to do
WITHOUT_MEMBERS = {"excludedAttributes": "members"}


def sync(job: ProvisioningJob, group: Group) -> None:
    """Bring a group to the state of the source, all but members; out of scope it is deleted."""
    link, reason = job.links.get(group.id), job.out.get(group.id)
    if reason and link:
        return remove(job, group.id)
    with job.logged(group) as row:
        if reason:
            row.skip(*reason)
        else:
            current = fetch(job, link) if link else match(job, group)
            change(job, group, current, row)
    return None


def change(job: ProvisioningJob, group: Group, current: Any, row: Row) -> None:
    """Create the group where there is none, else update it."""
    if current is None:
        create(job, group, row)
    else:
        update(job, group, current, row)


def match(job: ProvisioningJob, group: Group) -> Any:
    """The group's resource in the target, found by its matching attributes; None when not there."""
    rules = mapping.matchers(job.table.groups)
    found = job.matched(group, rules, "/Groups", **WITHOUT_MEMBERS)
    return without_members(job, found[1]) if found else None


def fetch(job: ProvisioningJob, link: Link) -> Any:
    """The resource by its id, without members; 404 is InvalidAnchor."""
    operation = f"GET {link.path}?excludedAttributes=members"
    answer = job.client.get(link.path, **WITHOUT_MEMBERS)
    answers.expect(operation, answer, 200)
    return without_members(job, answers.readable(job, operation, answer.body))


def without_members(job: ProvisioningJob, resource: Any) -> Any:
    """The resource; members that came along unasked are noted."""
    if resource.get("members"):
        job.note(
            "MembersNotExcluded",
            f"group {resource['id']} came with "
            f"{len(resource['members'])} members in spite of excludedAttributes=members",
        )
    return resource


def create(job: ProvisioningJob, group: Group, row: Row) -> None:
    """POST the group without members."""
    row.action = "create"
    values = mapping.desired(job.table.groups, group.values(), creating=True)
    row.changes = [Change(path, None, value) for path, value in values.items()]
    post(job, group, "/Groups", forms.group_body(values), row)


def update(job: ProvisioningJob, group: Group, current: Any, row: Row) -> None:
    """PATCH name and externalId where they differ."""
    link = job.links[group.id]
    row.target_id = link.id
    wanted = mapping.desired(job.table.groups, group.values())
    row.changes = forms.differences(wanted, current)
    if not row.changes:
        return
    if not link.made:
        skip_foreign(row, "group")
        return
    row.action = "update"
    patch(job, link, forms.operations(row.changes, job.client.flag))


def patch(job: ProvisioningJob, link: Link, operations: list[dict[str, Any]]) -> None:
    """One PATCH on a group; 204 as advised, or 200."""
    answer = job.client.send("PATCH", link.path, body=forms.patch(operations))
    answers.expect(f"PATCH {link.path}", answer, 200, 204)


def sync_members(job: ProvisioningJob, group: Group) -> None:
    """Send who joined and who left since the last time; the member list is never read."""
    link = job.links.get(group.id)
    if not (mapping.reference(job.table.groups) and link and link.made) or group.id in job.out:
        return
    sent = job.sent.setdefault(group.id, {})
    for one in [one for one, target in sent.items() if target in job.gone]:
        del sent[one]
    joined = {
        one: job.links[one].id
        for one in group.members
        if one not in sent and one in job.links and wanted(job, group, one)
    }
    left = {one: target for one, target in sent.items() if one not in group.members}
    with job.logged(group, reference=True) as row:
        row.changes = [Change("members", None, target) for target in joined.values()]
        row.changes += [Change("members", target, None) for target in left.values()]
        row.action = "update" if row.changes else ""
        send_members(job, group, joined, left)
        check_missing(job, group)


def check_missing(job: ProvisioningJob, group: Group) -> None:
    """ProvisioningError when a member in scope is not in the target: escrow brings the group back."""
    missing = [one for one in group.members if one not in job.links and wanted(job, group, one)]
    if missing:
        raise ProvisioningError(
            "ReferenceNotFound",
            f"{len(missing)} members are not in the target yet, the first is {missing[0]}.",
            0,
        )


def wanted(job: ProvisioningJob, group: Group, member: str) -> bool:
    """Whether to send a member: one out of scope now is left out until a restart."""
    if member in job.out:
        job.deferred.add((group.id, member))
    return (group.id, member) not in job.deferred


def send_members(job: ProvisioningJob, group: Group, joined: dict[str, str], left: dict[str, str]) -> None:
    """Add in one request, remove in one, then send again some who stay (bitwarden/server)."""
    link, sent, flag = job.links[group.id], job.sent[group.id], job.client.flag
    if joined:
        patch(job, link, forms.add_members(joined.values(), flag))
        sent |= joined
    if not left:
        return
    patch(job, link, forms.remove_members(left.values(), flag))
    for one in left:
        del sent[one]
    for target in list(sent.values())[:REDUNDANT]:
        patch(job, link, forms.add_members([target], flag))
