"""Template filters: times, sizes, numbers and actions as the console shows them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from flask import Flask
from markupsafe import Markup

from promapp_lite import clock, jsonio
from promapp_lite.scim.schema import ENTERPRISE
from promapp_lite.store.activity.entries import Entry

STEPS = (("day", 86_400), ("hour", 3600), ("minute", 60))
UNITS = ("bytes", "kB", "MB", "GB", "TB")
ACTIONS = {
    "create": "Created",
    "update": "Updated",
    "enable": "Enabled",
    "disable": "Disabled",
    "delete": "Deleted",
    "restore": "Restored",
    "fail": "Failed",
    "test": "Test Connection",
    "denied": "Token refused",
}
AUDIT = {
    "sign-in": "Signed in",
    "sign-out": "Signed out",
    "sign-in-failed": "Sign-in refused",
    "first-admin": "First admin made",
    "admin-made": "Admin made",
    "admin-disabled": "Admin disabled",
    "admin-enabled": "Admin enabled",
    "password": "Password changed",
    "token-made": "Token made",
    "token-revoked": "Token revoked",
    "backup": "Backup made",
    "data-restored": "Backup restored",
}
TRIED = {"POST": "Create", "PUT": "Replace", "PATCH": "Update", "DELETE": "Delete", "GET": "Read"}
SCOPES = {"scim": "Scim", "scim:read": "Scim read-only"}
MEMBER_ACTS = {"add": "added", "remove": "removed", "joined": "joined again"}


def init_app(app: Flask) -> None:
    """Give the filters to the templates."""
    for each in (ago, when, span, size, count, did, brief, subject, mapped, ahead, scope, department):
        app.add_template_filter(each)


def ago(text: str) -> str:
    """`12 minutes ago`."""
    seconds = clock.seconds_since(text)
    return "just now" if seconds < 60 else f"{amount(seconds)} ago"


def ahead(text: str) -> str:
    """`in 12 days`, or `expired`."""
    seconds = -clock.seconds_since(text)
    return f"in {amount(seconds)}" if seconds > 0 else "expired"


def days_left(text: str) -> int:
    """Whole days until a moment, below 0 when it is past."""
    return (clock.moment(text) - datetime.now(UTC)) // timedelta(days=1)


def amount(seconds: float) -> str:
    """A length of time in its largest unit."""
    for name, length in STEPS:
        if seconds >= length:
            return count(int(seconds // length), name)
    return count(int(seconds), "second")


def span(start: str, end: str) -> str:
    """The time between two moments, in short: `2 min 05 s`."""
    seconds = int((clock.moment(end) - clock.moment(start)).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def when(text: str) -> Markup:
    """A moment as a time element: the date and minute in UTC; script turns it into local time."""
    moment = clock.moment(text).astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(text, f"{moment.day} {moment:%b %Y, %H:%M} UTC")


def size(number: int) -> str:
    """Bytes in the unit a person would use."""
    value = float(number)
    for unit in UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {UNITS[-1]}"


def count(number: int, word: str, plural: str | None = None) -> str:
    """`1 person`, `1,204 people`."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def did(entry: Entry) -> str:
    """An activity row's action in words."""
    return DID.get(entry.action, action_of)(entry)


def action_of(entry: Entry) -> str:
    """The action as the filter of the page names it."""
    return (ACTIONS | AUDIT).get(entry.action, entry.action)


def refused(entry: Entry) -> str:
    """What was tried, by its method, and how often where it repeats."""
    often = f", {count(entry.times, 'time')}" if entry.times > 1 else ""
    return f"{TRIED.get(entry.method, entry.method)} refused{often}"


def updated(entry: Entry) -> str:
    """An update, which may have changed nothing."""
    return "No change" if entry.changes == [] else action_of(entry)


def scope(name: str) -> str:
    """A scope as the page names it."""
    return SCOPES.get(name, name)


def department(document: dict[str, Any]) -> str:
    """The department in a user's document, empty where there is none."""
    work = document.get(ENTERPRISE)
    return str(work.get("department") or "") if isinstance(work, dict) else ""


def brief(entry: Entry, most: int = 3) -> str:
    """What an activity row changed, or why it failed, in a few words."""
    if entry.failed or entry.action in AUDIT:
        return entry.detail or ""
    if not isinstance(entry.changes, list) or entry.action == "create":
        return called(entry)
    parts = [change_text(each) for each in entry.changes]
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def called(entry: Entry) -> str:
    """The display name of a user who was created or deleted, or `group`."""
    if entry.resource_type == "Group":
        return "group"
    if isinstance(entry.changes, dict):
        name = entry.changes["resource"]["doc"].get("displayName")
    else:
        name = next((each["after"] for each in entry.changes or () if each["path"] == "displayName"), None)
    return name or ""


def subject(entry: Entry) -> str:
    """The person or group that an activity row is about."""
    return SUBJECTS.get(entry.action, named)(entry)


def named(entry: Entry) -> str:
    """The name that was kept, else the type and the id or path."""
    return entry.name or f"{entry.resource_type or 'Request'} {entry.resource_id or entry.path}"


def change_text(change: dict[str, Any]) -> str:
    """One change in a few words."""
    if "op" in change:
        return f"{count(change['count'], change['path'][:-1])} {MEMBER_ACTS.get(change['op'], change['op'])}"
    return str(change["path"]).rsplit(":", 1)[-1]


def mapped(document: dict[str, Any]) -> list[tuple[str, str]]:
    """A document as lines of the attribute mapping: target attribute, value."""
    return [
        (path, text)
        for name, value in document.items()
        if name != "schemas"
        for path, text in lines(name, value, ":" if name.lower().startswith("urn:") else ".")
    ]


def lines(path: str, value: Any, mark: str = ".") -> list[tuple[str, str]]:
    """The lines of one attribute; a value of several is named by its type, as Azure's mapping does."""
    if isinstance(value, dict):
        return [line for name, each in value.items() for line in lines(f"{path}{mark}{name}", each)]
    if not isinstance(value, list):
        return [(path, plain(value))]
    return [line for each in value for line in element(path, each)]


def element(path: str, value: Any) -> list[tuple[str, str]]:
    """The lines of one value of several."""
    if not isinstance(value, dict):
        return [(path, plain(value))]
    kind = f'[type eq "{value["type"]}"]' if value.get("type") else ""
    rest = {name: each for name, each in value.items() if name != "type"} or value
    return [(f"{path}{kind}.{name}", plain(each)) for name, each in rest.items()]


def plain(value: Any) -> str:
    """A value as text."""
    return value if isinstance(value, str) else jsonio.dumps(value)


def indented(value: Any) -> str:
    """JSON to read."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


DID: dict[str, Callable[[Entry], str]] = {"fail": refused, "update": updated}
SUBJECTS: dict[str, Callable[[Entry], str]] = {
    "denied": lambda entry: f"{entry.address}, {count(entry.times, 'time')}",
    "sign-in-failed": lambda entry: f"{entry.address}, {count(entry.times, 'time')}",
    "test": lambda entry: entry.address or "",
}
