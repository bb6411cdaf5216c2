"""The page's forms and files: tokens, restoring, the backup, the CSV, the icon."""

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, g, redirect, request, send_file

from promapp_lite.console import activity
from promapp_lite.console.format import count
from promapp_lite.console.page import page
from promapp_lite.console.request import caller, form, store
from promapp_lite.console.sign_in import prove_again, status
from promapp_lite.errors import UserError
from promapp_lite.store.access import tokens
from promapp_lite.store.activity import audit
from promapp_lite.store.directory import undelete
from promapp_lite.store.snapshots import backup

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" '
    'fill="#0f6b62"/><path d="M9 10h14M9 16h14M9 22h8" stroke="#fff" stroke-width="3" '
    'stroke-linecap="round"/></svg>'
)


def console() -> Any:
    """The page."""
    return page()


def create_token() -> Any:
    """Make a token; this answer is the only place where its secret is ever shown."""
    try:
        prove_again(g.visitor)
        days = int(form("days")) if form("days").isdigit() else 0
        with store().write():
            secret = tokens.create(store(), form("description"), form("scope"), days, g.visitor.admin_id)
            audit.record(store(), caller(), "token-made", form("description").strip(), token_facts(days))
    except UserError as refusal:
        return page(status(refusal), refused={"profile": str(refusal)}, sent=request.form)
    return page(secret=secret, named=form("description").strip())


def token_facts(days: int) -> str:
    """What the activity says of a new token."""
    return f"{form('scope')}, {count(days, 'day')}"


def revoke_token(id: int) -> Any:
    """Revoke a token."""
    try:
        with store().write():
            audit.record(store(), caller(), "token-revoked", tokens.revoke(store(), id))
    except UserError as refusal:
        return page(409, refused={"profile": str(refusal)})
    return redirect("/?done=revoked#profile", 303)


def restore_deleted(id: int) -> Any:
    """Restore what an activity row says was deleted."""
    try:
        kind, restored = undelete.restore(store(), id, caller())
    except UserError as refusal:
        return page(409, refused={"people": str(refusal)})
    return redirect(f"/?done=restored&{kind.name.lower()}={restored}#people", 303)


def download_backup() -> Any:
    """A backup as `promapp-lite backup` makes it; the file is deleted once it has been sent."""
    try:
        prove_again(g.visitor)
    except UserError as refusal:
        return page(status(refusal), refused={"health": str(refusal)})
    copy = store().path.with_name(f"download-{secrets.token_hex(8)}.db")
    name = f"promapp-lite-{datetime.now(UTC):%Y-%m-%d}.db"
    audit.record(store(), caller(), "backup", name, "Downloaded.")  # before: the copy holds the row
    try:
        backup.backup(store(), copy)
    except UserError as refusal:
        return page(503, refused={"health": str(refusal)})
    answer = send_file(copy, "application/vnd.sqlite3", as_attachment=True, download_name=name)
    answer.direct_passthrough = False  # else call_on_close is never called
    answer.call_on_close(lambda: copy.unlink(missing_ok=True))
    return answer


def activity_csv() -> Response:
    """The activity that passes the filter, as a file."""
    lines = activity.export(store(), request.args)
    name = f"activity-{datetime.now(UTC):%Y-%m-%d}.csv"
    heads = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(lines, headers=heads, content_type="text/csv; charset=utf-8")


def here_csv(query: dict[str, Any]) -> str:
    """The address of the CSV of a filter."""
    return "/activity.csv?" + urlencode(query)


def favicon() -> Response:
    """The icon in the browser's tab."""
    return current_app.response_class(ICON, content_type="image/svg+xml")
