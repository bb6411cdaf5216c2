"""Refused tokens in the activity, without letting an attacker fill the disk: one row a minute and address.

The row is written at once and its count at most once a second; past so many addresses a minute the rest
share one row.
"""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import DatabaseError

from promapp_lite import clock
from promapp_lite.errors import ScimError
from promapp_lite.scim.refusals import refuse
from promapp_lite.store.access.digests import digest
from promapp_lite.store.activity import journal
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store
from promapp_lite.store.models import Activity, Token, rare

MINUTE, SECOND = 60, 1
MAX_ADDRESSES = 100
OTHERS = "further addresses"


@dataclass
class Count:
    """The refusals of one address in one minute."""

    row: int
    began: float
    written: float
    times: int = 1
    kept: int = 1


class AuthFailures:
    """The counts of this minute, by address."""

    action = "denied"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lock = threading.Lock()
        self.counts: dict[str, Count] = {}

    def note(self, caller: Caller, secret: str | None) -> None:
        """Count one refused token; where it cannot be kept, the request is refused all the same."""
        try:
            with self.lock:
                self.take(caller, secret, time.monotonic())
        except DatabaseError:
            return

    def take(self, caller: Caller, secret: str | None, now: float) -> None:
        """Begin the row of this address and minute, or count in it."""
        self.counts = {place: each for place, each in self.counts.items() if now - each.began < MINUTE}
        address = caller.address or ""
        if address not in self.counts and len(self.counts) >= MAX_ADDRESSES:
            address = OTHERS
        count = self.counts.get(address)
        if count is None:
            self.counts[address] = Count(self.begin(caller, address, secret), now, now)
            return
        count.times += 1
        if now - count.written >= SECOND:
            count.written = now
            self.write([count])

    def begin(self, caller: Caller, address: str, secret: str | None) -> int:
        """The row: another process's of this minute, counted on, or a new one."""
        now = datetime.now(UTC)
        minute = Activity.at.between(clock.stamp(now - timedelta(seconds=MINUTE)), clock.stamp(now))
        recent = self.store.first(
            Activity.select(Activity.id)
            .where(rare() & (Activity.action == self.action))
            .where((Activity.address == address) & minute)
            .order_by(Activity.id.desc())
        )
        if recent:
            with self.store.write():
                self.add(recent[0], 1)
            return int(recent[0])
        shown = Caller(caller.method, caller.path, address, started=caller.started)
        facts = self.facts(secret)
        with self.store.write():
            return journal.record(self.store, shown, self.action, 401, **facts)

    def facts(self, secret: str | None) -> dict[str, Any]:
        """What the row says of the first refusal."""
        return journal.refused(why(self.store, secret))

    def flush(self) -> None:
        """Write the counts that are not written yet, before they are shown."""
        with self.lock:
            self.write([each for each in self.counts.values() if each.times > each.kept])

    def write(self, counts: list[Count]) -> None:
        """Bring the rows up to date."""
        if counts:
            with self.store.write():
                for each in counts:
                    self.update(each)

    def update(self, count: Count) -> None:
        """Bring one row up to date."""
        self.add(count.row, count.times - count.kept)
        count.kept = count.times

    def add(self, row: int, more: int) -> None:
        """Count so many more in a row."""
        self.store.execute(Activity.update(times=Activity.times + more).where(Activity.id == row))


def why(store: Store, secret: str | None) -> ScimError:
    """What is wrong with the token, for the admin only; the caller is not told."""
    if not secret:
        return refuse("token_missing")
    known = Token.select(Token.description, Token.hint, Token.revoked, Token.expires)
    found = store.first(known.where(Token.digest == digest(secret)))
    if found is None:
        return refuse("token_unknown")
    description, hint, revoked, expires = found
    if revoked:
        return refuse("token_revoked", description=description, hint=hint, day=revoked[:10])
    if expires <= clock.now():
        return refuse("token_expired", description=description, hint=hint, day=expires[:10])
    return refuse("token_owner_disabled", description=description, hint=hint)
