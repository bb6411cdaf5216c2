"""Provisioning activity on the page: cycles, the last 30 days, the rows with their reasons, and the CSV."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from promapp_lite import csvio
from promapp_lite.console.format import ACTIONS, AUDIT, brief, count, did, indented, plain
from promapp_lite.console.people import LONGEST
from promapp_lite.console.request import number
from promapp_lite.scim.refusals import advice
from promapp_lite.store.activity import cycles, entries
from promapp_lite.store.activity.entries import Entry, Filter
from promapp_lite.store.engine import Store

PAGE, CYCLES, DAYS = 20, 6, 30
RESULTS = {"": "Any result", "ok": "Success", "failed": "Failure"}
HEAD = (
    "When (UTC)",
    "Action",
    "Result",
    "Type",
    "Name",
    "Id",
    "Status",
    "scimType",
    "What changed, or why it was refused",
    "Token",
    "Admin",
    "Address",
    "Times",
    "Milliseconds",
)
HEIGHT = 40


def wanted(sent: Mapping[str, str]) -> Filter:
    """The filter among the parameters; what is unknown filters nothing."""
    action, result = sent.get("action", ""), sent.get("result", "")
    return Filter(
        who=sent.get("who", "")[:LONGEST].strip(),
        action=action if action in AUDIT or (action in ACTIONS and action != "fail") else "",
        result=result if result in RESULTS else "",
        cycle=number(sent, "cycle", 0) or None,
        resource=sent.get("of", "")[:LONGEST],
    )


def part(store: Store, sent: Mapping[str, str]) -> dict[str, Any]:
    """What the template of activity shows."""
    sieve = wanted(sent)
    before = number(sent, "before", entries.NEWEST)
    rows = entries.page(store, sieve, before, PAGE + 1)
    runs = cycles.worked(store, number(sent, "cycles", entries.NEWEST), CYCLES + 1)
    days = cycles.days(store, DAYS)
    return {
        "sieve": sieve,
        "query": {name: value for name, value in params_of(sieve).items() if value},
        "rows": rows[:PAGE],
        "more": rows[PAGE - 1].id if len(rows) > PAGE else None,
        "first": before == entries.NEWEST,
        "before": None if before == entries.NEWEST else before,
        "actions": {
            "Provisioning": {name: text for name, text in ACTIONS.items() if name != "fail"},
            "Administration": AUDIT,
        },
        "results": RESULTS,
        "runs": runs[:CYCLES],
        "older": runs[CYCLES - 1].id if len(runs) > CYCLES else None,
        "cycle": cycles.one(store, sieve.cycle) if sieve.cycle else None,
        "bars": bars(days),
        "summary": summary(days),
        "open": opened(store, number(sent, "row", 0)),
    }


def params_of(sieve: Filter) -> dict[str, Any]:
    """The filter as parameters of a link."""
    return {
        "who": sieve.who,
        "action": sieve.action,
        "result": sieve.result,
        "cycle": sieve.cycle,
        "of": sieve.resource,
    }


def opened(store: Store, id: int) -> dict[str, Any] | None:
    """The row that is open, with what to do about it where it failed."""
    found = entries.one(store, id) if id else None
    if found is None:
        return None
    return {
        "entry": found,
        "sent": pretty(found.request),
        "advice": advice(found.code, found.facts or {}) if found.code else None,
        "changes": changes(found),
    }


def pretty(text: str | None) -> str | None:
    """JSON to read, where it is JSON; as it came otherwise."""
    try:
        return indented(orjson.loads(text or ""))
    except ValueError:
        return text


def changes(entry: Entry) -> list[tuple[str, str | None, str | None]]:
    """What changed, as lines: attribute, before, after; None is absent."""
    if isinstance(entry.changes, dict):
        held = entry.changes["resource"]["doc"]
        return [(name, plain(value), None) for name, value in held.items() if name != "schemas"]
    return [line(each) for each in entry.changes or []]


def line(change: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """One change as a line."""
    if "op" in change:
        ids = ", ".join(change["ids"][:10]) + (" …" if change["count"] > 10 else "")
        shown = f"{count(change['count'], 'id')}: {ids}"
        return (change["path"], shown, None) if change["op"] == "remove" else (change["path"], None, shown)
    before, after = (None if change[key] is None else plain(change[key]) for key in ("before", "after"))
    return change["path"], before, after


def bars(days: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """The picture of the last days: heights of changes and failures, on the square root of the numbers.

    So a day of 3 changes is seen beside the 5,000 of the initial cycle.
    """
    most = max((changed + failed for _, changed, failed in days), default=0) or 1
    return [
        {
            "day": day,
            "changed": changed,
            "failed": failed,
            "height": height(changed + failed, most),
            "red": height(failed, most),
        }
        for day, changed, failed in days
    ]


def height(number: int, most: int) -> int:
    """A bar's height; what is not nothing can be seen."""
    return max(2, round(HEIGHT * (number / most) ** 0.5)) if number else 0


def summary(days: list[tuple[str, int, int]]) -> str:
    """The picture in words."""
    changed, failed = sum(each[1] for each in days), sum(each[2] for each in days)
    return f"Last {DAYS} days: {count(changed, 'change')}, {count(failed, 'failure')}"


def export(store: Store, sent: Mapping[str, str]) -> Iterator[str]:
    """The rows that pass the filter as CSV, line by line."""
    yield csvio.line(HEAD)
    for each in entries.all_pages(store, wanted(sent)):
        yield csvio.line(cells(each))


def cells(entry: Entry) -> tuple[Any, ...]:
    """A row's cells in the order of HEAD."""
    return (
        entry.at,
        did(entry),
        "Failure" if entry.failed else "Success",
        entry.resource_type,
        entry.name,
        entry.resource_id,
        entry.status,
        entry.scim_type,
        brief(entry, 1000),
        entry.token,
        entry.admin,
        entry.address,
        entry.times,
        entry.ms,
    )
