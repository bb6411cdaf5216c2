"""The one page: its parts, each rendered alone when script asks for it, and all of them otherwise."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from flask import current_app, g, render_template, request

from promapp_lite import __version__, clock
from promapp_lite.console import activity, people
from promapp_lite.console.format import SCOPES, ago, amount, days_left
from promapp_lite.console.request import settings, store
from promapp_lite.ops import conditions
from promapp_lite.ops.conditions import Condition
from promapp_lite.store.access import sessions, tokens
from promapp_lite.store.activity import cycles
from promapp_lite.store.activity.cycles import Cycle
from promapp_lite.store.snapshots import disk
from promapp_lite.system import certificates

LATE = 3 * 3600  # Entra comes every 40 minutes
SOON = 30  # days before its end a token or certificate is pointed out
DONE = {
    "password": "Password changed. All your other sessions were ended.",
    "session": "Session ended.",
    "revoked": "Access token revoked. The next request with it will be refused.",
    "restored": "Restored under the same id.",
}
NO_FORM = {"secret": None, "named": None, "sent": None}  # no token was made, none refused
STEPS = {  # of the set-up: title, and what to do
    "token": (
        "Access token created",
        "Below, under My Profile, Access Tokens: choose Create Token, keep the scope Scim, and copy the "
        "token. It is shown only once.",
    ),
    "test": (
        "Test Connection seen",
        "Azure portal → Microsoft Entra ID → Enterprise applications → New application → Create your own "
        "application. In it Provisioning → New configuration: paste Tenant URL and Secret Token, choose Test "
        "connection, then Create. (On-premises SCIM app: Provisioning → Automatic, then Save.)",
    ),
    "user": (
        "First user provisioned",
        "In the same application: Users and groups → Add user/group, with any role but Default Access. Then "
        "Provisioning → Start provisioning. Provision on demand provisions one person at once.",
    ),
    "cycle": (
        "First cycle completed",
        "Nothing to do. The first cycle takes minutes; later ones start about every 40 minutes. A cycle "
        "counts as completed when Azure AD has been quiet for 10 minutes.",
    ),
}


def here(part: str, **params: Any) -> str:
    """The address of the page with one part in a state; what is empty is left out."""
    query = urlencode({name: value for name, value in params.items() if value})
    return f"/?{query}#{part}" if part else f"/?{query}"


def page(status: int = 200, refused: dict[str, str] | None = None, **extra: Any) -> tuple[str, int]:
    """The page, or the one part that the script asks for; `refused` maps a part to its error."""
    g.shown = True
    part = request.headers.get("X-Part", "")
    wanted = [part] if part in PARTS else list(PARTS)
    facts = {name: PARTS[name]() for name in wanted}
    facts["profile"] = NO_FORM | facts.get("profile", {}) | extra
    common = {
        "refused": refused or {},
        "done": DONE.get(request.args.get("done", "")),
        "here_name": g.visitor.name,
        "here_session": g.visitor.session_id,
        "here_recent": g.visitor.recent,
    }
    template = f"{part}.html" if part in PARTS else "page.html"
    return render_template(template, now=clock.now(), **common, **facts), status


def setup_part() -> dict[str, Any]:
    """The status sentence, the Tenant URL and the checklist."""
    run = cycles.last(store())
    tested, provisioned, whole = cycles.milestones(store())
    made = min((each.created for each in tokens.listed(store())), default=None)
    done = {"token": made, "test": tested, "user": provisioned, "cycle": whole}
    broken = [each for each in wrong() if each.severity == "fail"]
    return {
        "tenant_url": settings().tenant_url,
        "run": run,
        "state": "failed" if broken else next(name for name, holds in STATES if holds(run)),
        "broken": broken,
        "sentence": sentence(run),
        "steps": [(name, title, todo, done[name]) for name, (title, todo) in STEPS.items()],
        "open": next((name for name, at in done.items() if at is None), None),
    }


def sentence(run: Cycle | None) -> str:
    """How the last cycle went, in words."""
    if run is None:
        return "Azure AD has not connected yet."
    counts = ", ".join(f"{number:,} {name}" for name, number in run.counts.items())
    if not counts:
        return f"Azure AD last checked in {ago(run.ended)}: nothing to change."
    return f"Azure AD last provisioned {ago(run.ended)}: {counts}."


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
    """Version, uptime, sizes, last backup, certificate, and what is wrong."""
    files, found = certificates.configured(settings()), None
    with suppress(OSError, ValueError):
        found = certificates.facts(files.cert) if files else None
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
        "conditions": wrong(),
    }


def wrong() -> list[Condition]:
    """What is wrong with the service, the worst first; read once a request."""
    if "wrong" not in g:
        g.wrong = conditions.present(settings(), store(), current_app.extensions["health"])
    found: list[Condition] = g.wrong
    return found


def people_part() -> dict[str, Any]:
    """The list, and the person or group that is open."""
    return people.part(store(), request.args)


def activity_part() -> dict[str, Any]:
    """The cycles, the last 30 days, and the rows."""
    current_app.extensions["auth_failures"].flush()
    current_app.extensions["failed_sign_ins"].flush()
    return activity.part(store(), request.args)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "setup": setup_part,
    "profile": profile_part,
    "people": people_part,
    "activity": activity_part,
    "health": health_part,
}
STATES: tuple[tuple[str, Callable[[Cycle | None], bool]], ...] = (  # of provisioning: the first that holds
    ("new", lambda run: run is None),
    ("late", lambda run: run is not None and clock.seconds_since(run.ended) > LATE),
    ("failed", lambda run: run is not None and run.failed > 0),
    ("ok", lambda run: True),
)
