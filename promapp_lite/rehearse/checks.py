"""Reading everything back and comparing it with the source: converged, or the exact differences."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from promapp_lite.rehearse import mapping
from promapp_lite.rehearse.directory import Group, Person
from promapp_lite.rehearse.job import REFUSALS, Link, ProvisioningJob
from promapp_lite.rehearse.protocol import answers, forms
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.protocol.paths import read

PAGE = 200
SHOWN = 5


def compare(job: ProvisioningJob) -> list[str]:
    """Every way in which the target is not what the source wants, a sentence each."""
    try:
        people = {each["id"]: each for each in everybody(job) if isinstance(each.get("id"), str)}
    except ProvisioningError as error:
        return [f"the people of the target could not be read back: {error}"]
    found = list(doubles(job, people))
    for person in job.track("checking people", job.directory.people.values()):
        found += check_person(job, person, people)
    for group in job.track("checking groups", job.directory.groups.values()):
        found += check_group(job, group)
    return found + deleted(job, people)


def everybody(job: ProvisioningJob) -> Iterator[Any]:
    """All people of the target, page by page."""
    start, ids = 1, Counter[str]()
    while True:
        answer = job.client.get("/Users", startIndex=start, count=PAGE)
        page = answers.listed(job, f"GET /Users?startIndex={start}&count={PAGE}", answer)
        yield from page
        before, total = len(ids), answer.body["totalResults"]
        ids.update(str(each.get("id")) for each in page)
        start += len(page)
        if len(ids) == before or start > total:
            return check_pages(job, ids, total)


def check_pages(job: ProvisioningJob, ids: Counter[str], total: int) -> None:
    """Note when the pages together are not the whole list, each resource once."""
    twice = [one for one, times in ids.items() if times > 1]
    if twice or ids.total() != total:
        job.note(
            "PagingBroken",
            f"totalResults is {total}, the pages hold {ids.total()} "
            f"resources, {len(twice)} of them more than once",
        )


def doubles(job: ProvisioningJob, people: dict[str, Any]) -> Iterator[str]:
    """People who are in the target twice, or under an id that was not in an answer."""
    names = Counter(str(read(each, "userName")).casefold() for each in people.values())
    ours = {person.values(False)["userPrincipalName"].casefold() for person in job.directory.people.values()}
    for name in sorted(name for name, times in names.items() if times > 1 and name in ours):
        job.note("DoubledObjects", f"{names[name]} people of the target are called {name}")
        yield f"{name}: {names[name]} times in the target"


def wanted(job: ProvisioningJob, person: Person) -> dict[str, str]:
    """What the target shall hold of a person: out of scope only that they are inactive."""
    reason = job.out.get(person.id)
    values = mapping.desired(job.table.users, person.values(bool(reason)))
    if reason:
        return {path: value for path, value in values.items() if path == "active"}
    path, boss = mapping.reference(job.table.users), job.links.get(person.manager or "")
    if path and boss and (person.id, person.manager) not in job.deferred:
        values[path] = boss.id
    return values


def check_person(job: ProvisioningJob, person: Person, people: dict[str, Any]) -> list[str]:
    """How the target differs from the source for one person."""
    link = job.links.get(person.id)
    if not link:
        return [] if person.id in job.out else [f"{person.name}: not in the target"]
    if not link.made:
        return []
    resource = people.get(link.id) or by_id(job, link)
    if resource is None:
        return [f"{person.name}: {link.id} is gone from the target"]
    values = wanted(job, person)
    if person.id not in job.out:
        values = without_create_only(job, values)
    return [name_difference(job, person, change) for change in forms.differences(values, resource)]


def without_create_only(job: ProvisioningJob, values: dict[str, str]) -> dict[str, str]:
    """The values less those only sent at creation: later changes of these are not sent."""
    once = {rule.target for rule in job.table.users if rule.on_create}
    return {path: value for path, value in values.items() if path not in once}


def by_id(job: ProvisioningJob, link: Link) -> Any:
    """A resource that was not in the list; None when it is not there by id either."""
    answer = job.client.get(link.path)
    if answer.status != 200 or not isinstance(answer.body, dict):
        return None
    job.note("ListIncomplete", f"{link.id} is there by id but not in the list of /Users")
    return answer.body


def name_difference(job: ProvisioningJob, person: Person, change: forms.Change) -> str:
    """The difference as a sentence; the well-known causes are noted as findings."""
    text = f"{person.name}: {change.path} is {change.old!r}, should be {change.new!r}"
    name = defect(job, person, change)
    if name:
        job.note(name, text)
    return text


def defect(job: ProvisioningJob, person: Person, change: forms.Change) -> str | None:
    """What to call the difference; None while a request that failed explains it."""
    failed = job.escrow.entries.get(person.id)
    disabling = change.path == "active" and change.new == "False"
    if failed:
        refused = disabling and not job.client.flag and failed.code in REFUSALS
        return "StringFalseRefused" if refused else None
    if disabling:
        return "DisableIgnored" if job.client.flag else "StringFalseReadAsTrue"
    return "AttributeLost" if change.old is None else "AttributeAltered"


def check_group(job: ProvisioningJob, group: Group) -> list[str]:
    """How the target differs from the source for one group, members included."""
    link = job.links.get(group.id)
    if group.id in job.out:
        return []
    if not link:
        return [f"{group.name}: not in the target"]
    if not link.made:
        return []
    answer = job.client.get(link.path)
    if answer.status != 200 or not isinstance(answer.body, dict):
        return [f"{group.name}: GET by id was answered {answer.status}"]
    wrong = answers.flaw(answer.body)
    if wrong:
        return [f"{group.name}: {wrong}"]
    values = mapping.desired(job.table.groups, group.values())
    found = [
        f"{group.name}: {change.path} is {change.old!r}, should be {change.new!r}"
        for change in forms.differences(values, answer.body)
    ]
    return found + check_members(job, group, answer.body.get("members") or [])


def check_members(job: ProvisioningJob, group: Group, members: list[Any]) -> list[str]:
    """Members who are missing, too many or twice; one who went out of scope may stay."""
    if not mapping.reference(job.table.groups):
        return []
    listed = [str(each.get("value")) for each in members if isinstance(each, dict)]
    may = {job.links[one].id for one in group.members if one in job.links}
    must = {job.links[one].id for one in group.members if expected(job, group, one)}
    if set(listed) & set(job.gone):
        job.note("DeletedMembersKept", f"{group.name} still lists people who were deleted")
    found = [
        (name, f"{group.name}: {text}") for name, text in member_defects(listed, must, may | set(job.gone))
    ]
    for name, text in found:
        if group.id not in job.escrow.entries:
            job.note(name, text)
    return [text for _, text in found]


def expected(job: ProvisioningJob, group: Group, member: str) -> bool:
    """Whether a member must be there: provisioned, in scope, not waiting for a restart."""
    waits = member in job.out or (group.id, member) in job.deferred
    return member in job.links and not waits


def member_defects(listed: list[str], must: set[str], may: set[str]) -> Iterator[tuple[str, str]]:
    """Defect and sentence for members who are missing, too many or twice."""
    missing, surplus = must - set(listed), set(listed) - may
    if missing:
        yield "MembersLost", f"lacks {counted(missing)} of {len(must)} members"
    if surplus:
        yield "MembersKept", f"has {counted(surplus)} members too many"
    if len(listed) != len(set(listed)):
        yield "MembersDoubled", "lists members twice"


def counted(ids: set[str]) -> str:
    """How many, and which the first few are."""
    some = sorted(ids)[:SHOWN]
    return f"{len(ids)} ({', '.join(some)}{', …' if len(ids) > SHOWN else ''})"


def deleted(job: ProvisioningJob, people: dict[str, Any]) -> list[str]:
    """What was deleted and is there all the same."""
    found = [
        f"{path}: was deleted and is still in the target"
        for one, path in sorted(job.gone.items())
        if one in people or job.client.get(path).status == 200
    ]
    if found:
        job.note("DeleteIgnored", found[0])
    return found
