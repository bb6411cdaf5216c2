"""Signed-in browsers: rows keyed by the SHA-256 of the cookie, so that each can be ended at once."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from promapp_lite import clock
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Admin, Session

IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
TOUCH = timedelta(minutes=1)
MAX_AGENT = 200

LIVE = (Session.seen > param("idle")) & (Session.created > param("old"))
FIND = Statement(
    Session.select(Session.id, Session.admin_id, Admin.name, Session.seen)
    .join(Admin, on=(Admin.id == Session.admin_id))
    .where((Session.digest == param("digest")) & LIVE & (Admin.active == True))  # noqa: E712
)
INSERT = Statement(
    Session.insert(
        {getattr(Session, name): param(name) for name in Session._meta.sorted_field_names if name != "id"}
    )
)
SEEN = Statement(Session.update({Session.seen: param("now")}).where(Session.id == param("id")))
OWN = Session.admin_id == param("admin_id")
LIST = Statement(
    Session.select(Session.id, Session.created, Session.seen, Session.address, Session.agent)
    .where(OWN & LIVE)
    .order_by(Session.seen.desc())
)
END = Statement(Session.delete().where(OWN & (Session.id == param("id"))))
END_OTHERS = Statement(Session.delete().where(OWN & (Session.id != param("id"))))
SWEEP = Statement(Session.delete().where((Session.seen <= param("idle")) | (Session.created <= param("old"))))


class Visitor(NamedTuple):
    """Who is signed in, and by which session."""

    session_id: int
    admin_id: int
    name: str


class Place(NamedTuple):
    """A session as it is listed."""

    id: int
    created: str
    seen: str
    address: str | None
    agent: str | None


def limits() -> dict[str, str]:
    """Before these moments a session was idle for too long, or began too long ago."""
    now = datetime.now(UTC)
    return {"idle": clock.stamp(now - IDLE), "old": clock.stamp(now - ABSOLUTE)}


def digest(cookie: str) -> str:
    """How a session is kept."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def begin(store: Store, admin_id: int, address: str | None, agent: str | None) -> str:
    """Sign an admin in: a new session, whose 256-bit cookie value is kept nowhere."""
    cookie, now = secrets.token_urlsafe(32), clock.now()
    with store.write():
        store.run(SWEEP, **limits())
        store.run(
            INSERT,
            digest=digest(cookie),
            admin_id=admin_id,
            created=now,
            seen=now,
            address=address,
            agent=(agent or "")[:MAX_AGENT],
        )
    return cookie


def find(store: Store, cookie: str) -> Visitor | None:
    """Who holds the cookie, or None: ended, idle for 30 minutes, 12 hours old, or no active admin."""
    found = store.row(FIND, digest=digest(cookie), **limits())
    if found is None:
        return None
    *visitor, seen = found
    if seen < clock.stamp(datetime.now(UTC) - TOUCH):
        with store.write():
            store.run(SEEN, id=visitor[0], now=clock.now())
    return Visitor(*visitor)


def listed(store: Store, visitor: Visitor) -> list[Place]:
    """The admin's live sessions, the one used last first."""
    return [Place(*row) for row in store.rows(LIST, admin_id=visitor.admin_id, **limits())]


def end(store: Store, visitor: Visitor, id: int) -> None:
    """End one of the admin's own sessions."""
    with store.write():
        store.run(END, admin_id=visitor.admin_id, id=id)


def end_others(store: Store, visitor: Visitor) -> None:
    """End all of the admin's sessions but this one."""
    with store.write():
        store.run(END_OTHERS, admin_id=visitor.admin_id, id=visitor.session_id)
