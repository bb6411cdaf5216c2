"""Browsers that have signed in before: they need not wait while others guess the password of their account.

A device cookie proves nothing else; the password is asked for all the same. Only its SHA-256 is kept.
"""

import secrets
from datetime import UTC, datetime, timedelta

from promapp_lite import clock
from promapp_lite.store.access.digests import digest
from promapp_lite.store.engine import Store
from promapp_lite.store.models import Admin, Device
from promapp_lite.text import fold

LIFE = timedelta(days=90)
MOST = 10  # of an admin


def find(store: Store, cookie: str, name: str) -> str | None:
    """The digest of a cookie by which somebody has signed in under that name before, else None."""
    mine = (Device.digest == digest(cookie)) & (Device.expires > clock.now())
    found = store.first(
        Device.select(Device.digest)
        .join(Admin, on=(Admin.id == Device.admin_id))
        .where(mine & (Admin.name_key == fold(name)))
    )
    return found[0] if found else None


def remember(store: Store, admin_id: int) -> str:
    """A new cookie for a browser that has just signed in; call it inside a transaction."""
    cookie, now = secrets.token_urlsafe(32), datetime.now(UTC)
    facts = {"admin_id": admin_id, "expires": clock.stamp(now + LIFE)}
    store.execute(Device.insert(digest=digest(cookie), **facts))
    Newer = Device.alias()
    newest = Newer.select(Newer.digest).where(Newer.admin_id == admin_id).order_by(Newer.expires.desc())
    surplus = (Device.admin_id == admin_id) & Device.digest.not_in(newest.limit(MOST))
    store.execute(Device.delete().where(surplus | (Device.expires <= clock.stamp(now))))
    return cookie


def forget(store: Store, known: str) -> None:
    """Forget a browser: it is about to get a new cookie; call it inside a transaction."""
    store.execute(Device.delete().where(Device.digest == known))
