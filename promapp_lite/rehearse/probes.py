"""A few questions after the workforce, on people the rehearsal made, about what Entra relies on."""

from collections.abc import Callable
from typing import Any

from promapp_lite.rehearse import cleanup, mapping
from promapp_lite.rehearse.directory import Person
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.protocol import answers, forms, paths
from promapp_lite.rehearse.protocol.answers import quoted
from promapp_lite.rehearse.protocol.errors import ProvisioningError


def ask(job: ProvisioningJob) -> None:
    """Ask all questions; one that fails on the way is left out."""
    for question in QUESTIONS:
        try:
            question(job)
        except ProvisioningError:
            continue


def somebody(job: ProvisioningJob, fits: Callable[[Person], bool]) -> Person | None:
    """Somebody we made, who fits."""
    return next(
        (
            one
            for one in job.directory.people.values()
            if one.id in job.links and job.links[one.id].made and fits(one)
        ),
        None,
    )


def found(job: ProvisioningJob, path: str, value: str) -> list[Any]:
    """What a filter brings."""
    answer = job.client.get("/Users", filter=f"{path} eq {quoted(value)}")
    return answers.listed(job, "GET /Users?filter", answer)


def letter_case(job: ProvisioningJob) -> None:
    """userName is compared without regard to letter case (RFC 7643 section 4.1.1)."""
    one = somebody(job, lambda one: one.id not in job.out)
    rule = mapping.matchers(job.table.users)[0]
    value = rule.value(one.values(False)) if one else None
    if value and rule.target == "userName" and not found(job, rule.target, value.upper()):
        job.note("FilterCaseSensitive", f'userName eq "{value.upper()}" does not find {value}')


def inactive(job: ProvisioningJob) -> None:
    """An inactive person is still found by the matching attribute."""
    one = somebody(job, lambda one: one.id in job.out)
    if not one:
        return
    rule = mapping.matchers(job.table.users)[0]
    answer = job.client.get(job.links[one.id].path)
    name = paths.read(answer.body, "userName") if answer.status == 200 else None
    if rule.target == "userName" and not (name and found(job, "userName", name)):
        job.note("InactiveHidden", f"{one.name} is inactive and cannot be found any more")


def conflict(job: ProvisioningJob) -> None:
    """A second person with the same userName is refused with 409."""
    one = somebody(job, lambda one: one.id not in job.out)
    if not one:
        return
    values = mapping.desired(job.table.users, one.values(False), creating=True)
    try:
        answer = job.client.send("POST", "/Users", body=forms.user_body(values))
        if answer.status not in (200, 201, 409):
            job.note("ConflictMisnamed", f"a second {one.name}: {answer.status}, not 409")
    finally:
        single(job, one)


def single(job: ProvisioningJob, one: Person) -> None:
    """Delete what the question made beside the person it was asked about."""
    rule = mapping.matchers(job.table.users)[0]
    value = rule.value(one.values(False)) or ""
    for _ in range(cleanup.TRIES):
        try:
            listed = [
                each["id"]
                for each in found(job, rule.target, value)
                if answers.is_match(each, rule.target, value)
            ]
        except ProvisioningError:
            continue
        others = [each for each in listed if each != job.links[one.id].id]
        if not others:
            return
        job.note("DuplicateAccepted", f"a second {one.name} was accepted")
        for each in others:
            cleanup.deleted(job, f"/Users/{each}")


QUESTIONS: tuple[Callable[[ProvisioningJob], None], ...] = (letter_case, inactive, conflict)
