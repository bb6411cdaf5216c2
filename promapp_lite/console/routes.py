"""The admin console: one page at `/`, a gate in front of it, and the forms it sends."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, redirect, request, send_file, session

from promapp_lite.console import activity, format
from promapp_lite.console import session as visits
from promapp_lite.console.page import form, here, page, store
from promapp_lite.errors import UserError
from promapp_lite.store.access import sessions, tokens
from promapp_lite.store.activity import indexer
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import undelete
from promapp_lite.store.engine import DB_ERRORS
from promapp_lite.store.snapshots import backup

OPEN = ("healthz", "metrics")  # not the console's: they have gates of their own, or need none
PUBLIC = (None, "sign_in", "first_admin", "favicon")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
POLICY = (
    "default-src 'none'; script-src {nonce}; style-src {nonce}; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ID = visits.ID
HSTS = "max-age=31536000"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" '
    'fill="#0f6b62"/><path d="M9 10h14M9 16h14M9 22h8" stroke="#fff" stroke-width="3" '
    'stroke-linecap="round"/></svg>'
)


def init_app(app: Flask) -> None:
    """Mount the console; its routes are in one list at the end of this file."""
    app.extensions["started"] = datetime.now(UTC)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= {"nonce": nonce, "here": here, "here_csv": here_csv}
    format.init_app(app)
    visits.init_app(app)
    app.before_request(gate)
    app.after_request(finish)
    for path, method, view in ROUTES:
        app.add_url_rule(path, view_func=view, methods=[method], provide_automatic_options=False)


def gate() -> Any:
    """Let nobody past without a session, nor any POST without its CSRF token; closed for every new route."""
    if request.mount is not None or request.endpoint in OPEN:
        return None
    g.visitor = sessions.find(store(), session.value)  # type: ignore[attr-defined]
    if request.method == "POST":
        visits.limiter.context.reset()
        visits.csrf.protect()
    if g.visitor is not None:
        with suppress(*DB_ERRORS):  # on a full disk the page shows what it can
            indexer.catch_up(store())
    if g.visitor is not None or request.endpoint in PUBLIC:
        return None
    if request.endpoint == "console" and "X-Part" not in request.headers:
        return visits.welcome()
    return visits.welcome(401, refused="You are signed out. Sign in again.")


def nonce() -> str:
    """The nonce of this answer's own style and script."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    made: str = g.nonce
    return made


def finish(answer: Response) -> Response:
    """Give every answer of the console its headers, errors included."""
    if request.mount is not None:
        return answer
    source = f"'nonce-{g.nonce}'" if "nonce" in g else "'none'"
    answer.headers.update(HEADERS)
    answer.headers["Content-Security-Policy"] = POLICY.format(nonce=source)
    if visits.safe(request):
        answer.headers["Strict-Transport-Security"] = HSTS
    return answer


def console() -> Any:
    """The page."""
    return page()


def create_token() -> Any:
    """Make a token; this answer is the only place where its secret is ever shown."""
    try:
        days = int(form("days")) if form("days").isdigit() else 0
        secret = tokens.create(store(), form("description"), form("scope"), days, g.visitor.admin_id)
    except UserError as refusal:
        return page(400, refused={"profile": str(refusal)}, sent=request.form)
    return page(secret=secret, named=form("description").strip())


def revoke_token(id: int) -> Any:
    """End a token."""
    try:
        tokens.revoke(store(), id)
    except UserError as refusal:
        return page(409, refused={"profile": str(refusal)})
    return redirect("/?done=revoked#profile", 303)


def restore_deleted(id: int) -> Any:
    """Bring back what an activity row says was deleted."""
    caller = Caller("POST", request.path, request.remote_addr, admin_id=g.visitor.admin_id)
    try:
        kind, restored = undelete.restore(store(), id, caller)
    except UserError as refusal:
        return page(409, refused={"people": str(refusal)})
    return redirect(f"/?done=restored&{kind.name.lower()}={restored}#people", 303)


def download_backup() -> Any:
    """A copy of the database as it is now, as `promapp-lite backup` makes it; kept only while it is sent."""
    copy = store().path.with_name(f"download-{secrets.token_hex(8)}.db")
    try:
        backup.backup(store(), copy)
    except UserError as refusal:
        return page(503, refused={"health": str(refusal)})
    name = f"promapp-lite-{datetime.now(UTC):%Y-%m-%d}.db"
    answer = send_file(copy, "application/vnd.sqlite3", as_attachment=True, download_name=name)
    answer.direct_passthrough = False  # else nobody is told when it has been sent
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


ROUTES = (
    ("/", "GET", console),
    ("/tokens", "POST", create_token),
    (f"/tokens/<{ID}>/revoke", "POST", revoke_token),
    (f"/restore/<{ID}>", "POST", restore_deleted),
    ("/backup", "POST", download_backup),
    ("/activity.csv", "GET", activity_csv),
    ("/favicon.svg", "GET", favicon),
)
