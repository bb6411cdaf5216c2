"""Who may use the console and own tokens. SCIM never adopts, alters or deletes one."""

from typing import NamedTuple

from peewee import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from promapp_lite import clock
from promapp_lite.errors import UserError
from promapp_lite.store.access import hashing
from promapp_lite.store.access.hashing import Rank
from promapp_lite.store.engine import Store
from promapp_lite.store.models import Admin, Device, Session
from promapp_lite.text import fold

MIN_PASSWORD, MAX_PASSWORD = 12, 1024
METHOD = "scrypt:131072:8:1"  # OWASP's cost
COMMON = frozenset(
    "123456789012 1234567890123 12345678901234 123456123456 password1234 password12345 password123456 "
    "passwordpassword qwertyuiop12 qwertyuiop123 qwertyuiopas qwerty123456 1q2w3e4r5t6y 1qaz2wsx3edc "
    "administrator administrator1 changeme1234 changemechangeme letmeinletmein welcome12345 welcome123456 "
    "iloveyou1234 abcdefghijkl abcd12345678 aaaaaaaaaaaa 111111111111 000000000000 112233445566 "
    "promapp-lite promapplite1 p@ssw0rd1234 passw0rd1234 sunshine1234 football1234 superman1234".split()
)


class Account(NamedTuple):
    """An admin, without the password."""

    id: int
    name: str
    active: bool
    created: str


def listed(store: Store) -> list[Account]:
    """All admins, the first made first."""
    query = Admin.select(Admin.id, Admin.name, Admin.active, Admin.created).order_by(Admin.id)
    return [Account(*row) for row in store.select(query)]


def create(store: Store, name: str, password: str) -> None:
    """Make an admin; UserError when the name is taken or empty, or the password too weak."""
    insert(store, checked(name), hash_password(password))


def checked(name: str) -> str:
    """A name as it is kept; UserError for what is none."""
    name = name.strip()
    if not name or len(name) > 255 or not name.isprintable():
        raise UserError("An admin's name must be 1 to 255 printable characters long.")
    return name


def insert(store: Store, name: str, hashed: str) -> None:
    """Make an admin with a password that is hashed; UserError when the name is taken."""
    try:
        with store.write():
            facts = {"name": name, "name_key": fold(name), "password": hashed}
            store.execute(Admin.insert(**facts, active=True, created=clock.now()))
    except IntegrityError:
        raise UserError(f"There is already an admin {name!r}.") from None


def set_password(store: Store, name: str, hashed: str, but: int | None = None) -> None:
    """Give an admin a new password, hashed, which ends all sessions but that one; UserError: unknown name."""
    with store.write():
        found = named(store, name)
        store.execute(Admin.update(password=hashed).where(Admin.id == found.id))
        end_sessions(store, found.id, but)


def disable(store: Store, name: str) -> None:
    """Let an admin in no more, by session or token; UserError where no other active one would be left."""
    with store.write():
        found = named(store, name)
        if not any(each.active and each.id != found.id for each in listed(store)):
            raise UserError(f"{found.name} is the last active admin; nobody could sign in any more.")
        store.execute(Admin.update(active=False).where(Admin.id == found.id))
        end_sessions(store, found.id)


def enable(store: Store, name: str) -> None:
    """Let a disabled admin in again; their unrevoked tokens are live again too."""
    with store.write():
        store.execute(Admin.update(active=True).where(Admin.id == named(store, name).id))


def named(store: Store, name: str) -> Account:
    """The admin of that name, active or not; UserError where there is none."""
    for account in listed(store):
        if fold(account.name) == fold(name):
            return account
    raise UserError(f"There is no admin {name!r}.")


def end_sessions(store: Store, id: int, but: int | None = None) -> None:
    """End the sessions of an admin, all but one, and without that know no browser any more.

    Call it inside a transaction.
    """
    if but is None:
        store.execute(Device.delete().where(Device.admin_id == id))
    store.execute(Session.delete().where((Session.admin_id == id) & (Session.id != (but or 0))))


def hash_password(password: str) -> str:
    """The scrypt hash of an acceptable password."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise UserError(f"A password must be {MIN_PASSWORD} to {MAX_PASSWORD:,} characters long.")
    if password.lower() in COMMON:
        raise UserError("That password is too common; choose another.")
    return hashing.run(lambda: generate_password_hash(password, METHOD), Rank.KNOWN)


def owner(store: Store, name: str | None) -> Account:
    """The admin of that name, or the first one; UserError where there is none."""
    for account in listed(store):
        if account.active and (name is None or fold(account.name) == fold(name)):
            return account
    raise UserError(
        f"There is no admin {name!r}." if name else "There is no admin yet: run promapp-lite init."
    )


def verify(store: Store, name: str, password: str, rank: Rank = Rank.OTHER) -> int | None:
    """The id of the admin with that name and password, or None; an unknown name takes as long.

    hashing.Busy when too many of that rank or a better one are being checked at this moment.
    """
    found = store.first(
        Admin.select(Admin.id, Admin.password, Admin.active).where(Admin.name_key == fold(name))
    )
    hashed = found[1] if found and found[1] else DUMMY
    right = hashing.run(lambda: check_password_hash(hashed, password[:MAX_PASSWORD]), rank)
    return found[0] if found and right and found[2] else None


DUMMY = f"{METHOD}$2mVbXbYkTqzF0m3p$" + "0" * 128
