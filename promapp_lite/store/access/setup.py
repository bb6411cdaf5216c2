"""The one-time link by which the first admin is made."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from promapp_lite import clock
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Admin, Setup

LIFE = timedelta(hours=24)
ANYBODY = Statement(Admin.select(Admin.id).limit(1))
CLEAR = Statement(Setup.delete())
INSERT = Statement(Setup.insert({Setup.digest: param("digest"), Setup.expires: param("expires")}))
LIVE = (Setup.digest == param("digest")) & (Setup.expires > param("now"))
FIND = Statement(Setup.select(Setup.digest).where(LIVE))
USED = "This set-up link has been used, has expired or was replaced. Start promapp-lite again for a new one."


def needed(store: Store) -> bool:
    """Whether there is no admin yet."""
    return store.row(ANYBODY) is None


def digest(key: str) -> str:
    """How the link's key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def make(store: Store) -> str:
    """A new key for a set-up link, good for 24 hours; one made before is dead."""
    key = secrets.token_urlsafe(24)
    with store.write():
        store.run(CLEAR)
        store.run(INSERT, digest=digest(key), expires=clock.stamp(datetime.now(UTC) + LIFE))
    return key


def check(store: Store, key: str) -> None:
    """UserError where the key is not the one of a live link."""
    if not needed(store) or store.row(FIND, digest=digest(key), now=clock.now()) is None:
        raise UserError(USED)


def use(store: Store, key: str, name: str, password: str) -> int:
    """Make the first admin and end the link, in one transaction; the admin's id. UserError says why not."""
    with store.write():
        check(store, key)
        admins.create(store, name, password)
        store.run(CLEAR)
        return admins.owner(store, None).id
