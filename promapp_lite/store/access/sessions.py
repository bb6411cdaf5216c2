"""Signed-in browsers: rows keyed by the SHA-256 of the cookie, so that each can be ended at once."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from promapp_lite import clock
from promapp_lite.store.access.digests import digest
from promapp_lite.store.engine import DB_ERRORS, Store
from promapp_lite.store.models import Admin, Session

IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
PROOF = timedelta(minutes=15)  # so long a given password is good for what can do great harm
TOUCH = timedelta(minutes=1)
MAX_AGENT = 200


class Visitor(NamedTuple):
    """Who is signed in, and by which session."""

    session_id: int
    admin_id: int
    name: str
    proved: str = ""

    @property
    def recent(self) -> bool:
        """Whether the password was given a short time ago."""
        return self.proved > clock.stamp(datetime.now(UTC) - PROOF)


class Place(NamedTuple):
    """A session as it is listed."""

    id: int
    created: str
    seen: str
    address: str | None
    agent: str | None


def live() -> Any:
    """Sessions that were not idle for too long, and did not begin too long ago."""
    now = datetime.now(UTC)
    return (Session.seen > clock.stamp(now - IDLE)) & (Session.created > clock.stamp(now - ABSOLUTE))


def begin(store: Store, admin_id: int, address: str | None, agent: str | None) -> str:
    """Sign an admin in: a new session, whose 256-bit cookie value is kept nowhere."""
    cookie, now = secrets.token_urlsafe(32), clock.now()
    with store.write():
        store.execute(Session.delete().where(~live()))
        facts = {
            "created": now,
            "seen": now,
            "proved": now,
            "address": address,
            "agent": (agent or "")[:MAX_AGENT],
        }
        store.execute(Session.insert(digest=digest(cookie), admin_id=admin_id, **facts))
    return cookie


def find(store: Store, cookie: str) -> Visitor | None:
    """Who holds the cookie, or None: ended, idle for 30 minutes, 12 hours old, or no active admin."""
    found = store.first(
        Session.select(Session.id, Session.admin_id, Admin.name, Session.proved, Session.seen)
        .join(Admin, on=(Admin.id == Session.admin_id))
        .where((Session.digest == digest(cookie)) & live() & (Admin.active == True))  # noqa: E712
    )
    if found is None:
        return None
    *visitor, seen = found
    if seen < clock.stamp(datetime.now(UTC) - TOUCH):
        with suppress(*DB_ERRORS), store.write():  # a full disk stops no read
            store.execute(Session.update(seen=clock.now()).where(Session.id == visitor[0]))
    return Visitor(*visitor)


def prove(store: Store, visitor: Visitor) -> Visitor:
    """The password was given again: the visitor from now on."""
    now = clock.now()
    with store.write():
        store.execute(Session.update(proved=now).where(Session.id == visitor.session_id))
    return visitor._replace(proved=now)


def listed(store: Store, visitor: Visitor) -> list[Place]:
    """The admin's live sessions, the one used last first."""
    query = Session.select(Session.id, Session.created, Session.seen, Session.address, Session.agent)
    mine = query.where((Session.admin_id == visitor.admin_id) & live())
    return [Place(*row) for row in store.select(mine.order_by(Session.seen.desc()))]


def end(store: Store, visitor: Visitor, id: int) -> None:
    """End one of the admin's own sessions."""
    with store.write():
        mine = Session.admin_id == visitor.admin_id
        store.execute(Session.delete().where(mine & (Session.id == id)))
