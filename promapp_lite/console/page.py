"""The one page: its parts, each rendered alone when script asks for it, and all of them otherwise."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import current_app, g, render_template, request

from promapp_lite import __version__, clock
from promapp_lite.config import Settings
from promapp_lite.console import activity, people
from promapp_lite.console.format import SCOPES, ago, amount, days_left
from promapp_lite.store.access import sessions, tokens
from promapp_lite.store.activity import cycles
from promapp_lite.store.activity.cycles import Cycle
from promapp_lite.store.engine import Store
from promapp_lite.store.snapshots import disk
from promapp_lite.system import certificates

LATE = 3 * 3600  # Entra comes every 40 minutes
SOON = 30  # days before its end a token or certificate is spoken of
DONE = {
    "password": "Your password was changed. All your other sessions were ended.",
    "session": "The session was ended.",
    "revoked": "The access token was revoked. The next request with it is refused.",
    "restored": "Restored under the same id.",
}
VERBS = {
    "created": "created",
    "updated": "updated",
    "enabled": "enabled",
    "disabled": "disabled",
    "deleted": "deleted",
    "failed": "failed",
}


def store() -> Store:
    """The application's store."""
    opened: Store = current_app.extensions["store"]
    return opened


def settings() -> Settings:
    """The application's settings."""
    given: Settings = current_app.extensions["settings"]
    return given


def form(name: str) -> str:
    """A field of the form that was sent."""
    return request.form.get(name, "")


def here(part: str, **params: Any) -> str:
    """The address of the page with one part in a state; what is empty is left out."""
    query = urlencode({name: value for name, value in params.items() if value})
    return f"/?{query}#{part}" if part else f"/?{query}"


def page(status: int = 200, refused: dict[str, str] | None = None, **extra: Any) -> tuple[str, int]:
    """The page, or the one part that script asks for; `refused` says by part what could not be done."""
    g.shown = True
    part = request.headers.get("X-Part", "")
    wanted = [part] if part in PARTS else list(PARTS)
    facts = {name: PARTS[name]() for name in wanted}
    facts["profile"] = facts.get("profile", {}) | extra
    told = {
        "refused": refused or {},
        "done": DONE.get(request.args.get("done", "")),
        "here_name": g.visitor.name,
        "here_session": g.visitor.session_id,
    }
    template = f"{part}.html" if part in PARTS else "page.html"
    return render_template(template, now=clock.now(), **told, **facts), status


def setup_part() -> dict[str, Any]:
    """The status sentence, the Tenant URL and the checklist."""
    run = cycles.last(store())
    tested, provisioned, whole = cycles.milestones(store())
    made = min((each.created for each in tokens.listed(store())), default=None)
    steps = {"token": made, "test": tested, "user": provisioned, "cycle": whole}
    state, sentence = status(run)
    return {
        "tenant_url": settings().tenant_url,
        "run": run,
        "state": state,
        "sentence": sentence,
        "steps": steps,
        "open": next((name for name, at in steps.items() if at is None), None),
    }


def status(run: Cycle | None) -> tuple[str, str]:
    """How provisioning is (new, ok, late, failed), and the sentence that says so."""
    if run is None:
        return "new", "Azure AD has not connected yet."
    counts = run.counts
    told = ", ".join(f"{number:,} {VERBS[name]}" for name, number in counts.items())
    if not counts:
        sentence = f"Azure AD last checked in {ago(run.ended)}: nothing to change."
    else:
        sentence = f"Azure AD last provisioned {ago(run.ended)}: {told}."
    if seconds_since(run.ended) > LATE:
        return "late", sentence
    return ("failed" if run.failed else "ok"), sentence


def seconds_since(text: str) -> float:
    """The seconds since a moment."""
    return time.time() - clock.moment(text).timestamp()


def profile_part() -> dict[str, Any]:
    """The admin's own: access tokens and sessions."""
    now = clock.now()
    listed = tokens.listed(store())
    live = [each for each in listed if each.state(now) == "live"]
    asked = request.args.get("revoke", "")
    return {
        "live": live,
        "over": [each for each in reversed(listed) if each.state(now) != "live"],
        "ending": [each for each in live if days_left(each.expires) < SOON],
        "revoke": next((each for each in live if str(each.id) == asked), None),
        "scopes": SCOPES,
        "days": {"30": "30 days", "90": "90 days", "180": "180 days", "365": "1 year", "730": "2 years"},
        "sessions": sessions.listed(store(), g.visitor),
    }


def health_part() -> dict[str, Any]:
    """Version, uptime, sizes, last backup, certificate."""
    file = settings().tls_cert or certificates.of(settings().data_dir).cert
    try:
        found = certificates.facts(file)
    except (OSError, ValueError):
        found = None
    started = current_app.extensions["started"]
    return {
        "version": __version__,
        "started": clock.stamp(started),
        "uptime": amount(time.time() - started.timestamp()),
        "size": disk.size(store()),
        "free": disk.free(store()),
        "backup": disk.last_backup(store()),
        "certificate": found,
        "ending": found is not None and days_left(found.ends) < SOON,
        "folder": store().path.parent,
    }


def people_part() -> dict[str, Any]:
    """The list, and the person or group that is open."""
    return people.part(store(), request.args)


def activity_part() -> dict[str, Any]:
    """The cycles, the last 30 days, and the rows."""
    current_app.extensions["denials"].flush()
    return activity.part(store(), request.args)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "setup": setup_part,
    "profile": profile_part,
    "people": people_part,
    "activity": activity_part,
    "health": health_part,
}
