"""The one-time link by which the first admin is made."""

import secrets
from datetime import UTC, datetime, timedelta

from promapp_lite import clock
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins
from promapp_lite.store.access.digests import digest
from promapp_lite.store.engine import Store
from promapp_lite.store.models import Admin, Setup

LIFE = timedelta(hours=24)
USED = "This set-up link has been used, has expired or was replaced. Restart promapp-lite for a new one."


def needed(store: Store) -> bool:
    """Whether there is no admin yet."""
    return store.first(Admin.select(Admin.id)) is None


def make(store: Store) -> str:
    """A new key for a set-up link, good for 24 hours; one made before is dead."""
    key = secrets.token_urlsafe(24)
    with store.write():
        store.execute(Setup.delete())
        store.execute(Setup.insert(digest=digest(key), expires=clock.stamp(datetime.now(UTC) + LIFE)))
    return key


def check(store: Store, key: str) -> None:
    """UserError where the key is not the one of a live link."""
    live = (Setup.digest == digest(key)) & (Setup.expires > clock.now())
    if not needed(store) or store.first(Setup.select(Setup.digest).where(live)) is None:
        raise UserError(USED)


def prepare(store: Store, key: str, name: str, password: str) -> str:
    """The hashed password of the first admin; UserError for a dead link, or what cannot be."""
    check(store, key)
    admins.checked(name)
    return admins.hash_password(password)


def use(store: Store, key: str, name: str, hashed: str) -> int:
    """Make the first admin and end the link, in one transaction; the admin's id. UserError says why not."""
    with store.write():
        check(store, key)
        admins.insert(store, name, hashed)
        store.execute(Setup.delete())
        return admins.owner(store, None).id
