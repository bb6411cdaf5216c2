"""Access tokens: made, shown once, checked with one query, revoked with effect on the next request."""

import secrets
import string
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from promapp_lite import clock
from promapp_lite.errors import UserError
from promapp_lite.store.access.digests import digest
from promapp_lite.store.engine import DB_ERRORS, Statement, Store, param
from promapp_lite.store.models import Admin, Token

SCOPES = ("scim", "scim:read")
PREFIX = "pms_"
BASE62 = string.digits + string.ascii_letters
DEFAULT_DAYS, MAX_DAYS = 365, 730
MAX_DESCRIPTION = 200
MINUTE = len("2026-11-23T08:15")  # of a timestamp: the last use is written once in each

# Hot: run by every request, and once a minute by every token.
CHECK = Statement(
    Token.select(Token.id, Token.scope, Token.hint, Token.last_used)
    .join(Admin, on=(Admin.id == Token.owner_id))
    .where(
        (Token.digest == param("digest"))
        & Token.revoked.is_null()
        & (Token.expires > param("now"))
        & (Admin.active == True)  # noqa: E712
    )
)
TOUCH = Statement(
    Token.update({Token.last_used: param("now"), Token.last_address: param("address")}).where(
        Token.id == param("id")
    )
)


class Grant(NamedTuple):
    """What a live token allows."""

    token_id: int
    scope: str
    hint: str


class Listed(NamedTuple):
    """A token as it is listed: without its secret, which is not stored."""

    id: int
    hint: str
    description: str
    scope: str
    owner: str
    created: str
    expires: str
    last_used: str | None
    last_address: str | None
    revoked: str | None

    def state(self, now: str) -> str:
        """live, expired or revoked."""
        return "revoked" if self.revoked else "expired" if self.expires <= now else "live"


def make_secret() -> str:
    """A new token: `pms_`, 36 random characters and 6 that prove it was not mistyped (CRC32), 46 in all."""
    body = PREFIX + "".join(secrets.choice(BASE62) for _ in range(36))
    return body + checksum(body)


def checksum(body: str) -> str:
    """CRC32 in six base62 digits."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits


def create(store: Store, description: str, scope: str, days: int, owner_id: int) -> str:
    """Make a token and return its secret, which is kept nowhere; UserError for what cannot be."""
    description = description.strip()
    if not 1 <= len(description) <= MAX_DESCRIPTION or not description.isprintable():
        raise UserError(f"A description must be 1 to {MAX_DESCRIPTION} printable characters long.")
    if scope not in SCOPES:
        raise UserError(f"The scope must be {' or '.join(SCOPES)}.")
    if not 1 <= days <= MAX_DAYS:
        raise UserError(f"A token must expire in 1 to {MAX_DAYS} days.")
    secret, made = make_secret(), datetime.now(UTC)
    with store.write():
        store.execute(
            Token.insert(
                digest=digest(secret),
                hint=secret[:8],
                description=description,
                scope=scope,
                owner_id=owner_id,
                created=clock.stamp(made),
                expires=clock.stamp(made + timedelta(days=days)),
            )
        )
    return secret


def check(store: Store, secret: str, address: str | None) -> Grant | None:
    """What the token allows, or None: unknown, revoked, expired, or its owner is no active admin."""
    now = clock.now()
    found = find(store, secret, now)
    if found is None:
        return None
    id, scope, hint, last_used = found
    if last_used is None or last_used[:MINUTE] != now[:MINUTE]:
        touch(store, id, now, address)
    return Grant(id, scope, hint)


def live(store: Store, secret: str) -> bool:
    """Whether a token would be accepted now; its use is not recorded."""
    return find(store, secret, clock.now()) is not None


def find(store: Store, secret: str, now: str) -> tuple[Any, ...] | None:
    """The row of a live token; what does not have the form of one is not looked up."""
    if len(secret) != len(PREFIX) + 42 or not secret.startswith(PREFIX) or not secret.isascii():
        return None
    return store.row(CHECK, digest=digest(secret), now=now)


def touch(store: Store, id: int, now: str, address: str | None) -> None:
    """Write down the use. Where that fails, the next minute tries again: a full disk stops no read."""
    if store.untouched.get(id) == now[:MINUTE]:
        return
    try:
        with store.write():
            store.run(TOUCH, id=id, now=now, address=address)
    except DB_ERRORS:
        store.untouched[id] = now[:MINUTE]


def listed(store: Store) -> list[Listed]:
    """All tokens, the first made first."""
    columns = (Admin.name if name == "owner" else getattr(Token, name) for name in Listed._fields)
    query = Token.select(*columns).join(Admin, on=(Admin.id == Token.owner_id))
    return [Listed(*row) for row in store.select(query.order_by(Token.id))]


def revoke(store: Store, id: int) -> str:
    """End a token at once and return its description; UserError where there is no live one of that id."""
    live = (Token.id == id) & Token.revoked.is_null()
    with store.write():
        found = store.first(Token.select(Token.description).where(live))
        if found is None:
            raise UserError(f"There is no live token {id}.")
        store.execute(Token.update(revoked=clock.now()).where(live))
    return str(found[0])
