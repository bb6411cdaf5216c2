"""Limits on guessing passwords, in a table that all processes share. None is ever a permanent lock.

An address has ten tries a minute. After ten wrong passwords in a row for one account each further one waits
longer, from whatever address; not the first from an address that has given no wrong one, nor those from a
browser that has signed in to that account before (`devices`): it has tries and wrong ones of its own. Each is
counted once it was checked, so as many more as are checked at one moment may pass.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from promapp_lite import addresses, clock
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Attempt
from promapp_lite.text import fold

TRIES, WINDOW = 10, 60  # of one address; seconds
FREE, LONGEST = 10, 900  # wrong answers without a wait; seconds
KEPT = timedelta(days=1)
MAX_ROWS = 10_000  # a flood from many addresses pushes out the oldest rows and fills no disk

FIND = Statement(Attempt.select(Attempt.wrong, Attempt.last).where(Attempt.key == param("key")))
COUNT = Statement(
    Attempt.insert({Attempt.key: param("key"), Attempt.wrong: 1, Attempt.last: param("now")}).on_conflict(
        conflict_target=[Attempt.key], update={Attempt.wrong: Attempt.wrong + 1, Attempt.last: param("now")}
    )
)
FORGET = Statement(Attempt.delete().where(Attempt.key == param("key")))
SWEEP = Statement(Attempt.delete().where(Attempt.last < param("old")))
Older = Attempt.alias()
SURPLUS = Statement(
    Attempt.delete().where(
        Attempt.key.in_(Older.select(Older.key).order_by(Older.last.desc()).offset(param("most")))
    )
)


def digest(*parts: str | None) -> str:
    """What a row is counted under; what was typed as a name is not kept."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def key(name: str, source: str | None) -> str:
    """The row of an account and an address or browser."""
    return digest(fold(name), addresses.client(source))


def account(name: str) -> str:
    """The row of an account, over all addresses."""
    return digest("account", fold(name))


def place(address: str | None) -> str:
    """The row of an address, over all accounts."""
    return digest("wrong", addresses.client(address))


def admit(store: Store, address: str | None) -> int:
    """Count a try of an address; 0 where it may go on, else the seconds until it may try again."""
    row = digest("tries", addresses.client(address))
    with store.write():
        tries, began = store.row(FIND, key=row) or (0, clock.now())
        age = clock.seconds_since(began)
        if not 0 <= age < WINDOW:  # over; or the clock was set back, which must not lock anyone out
            store.run(FORGET, key=row)
            tries, began = 0, clock.now()
        if tries >= TRIES:
            return max(1, -int(-(WINDOW - age) // 1))
        count(store, row, began)
    return 0


def count(store: Store, row: str, moment: str) -> None:
    """Count up in a row, at a moment; call it inside a transaction. The table stays small."""
    store.run(SWEEP, old=clock.stamp(datetime.now(UTC) - KEPT))
    store.run(COUNT, key=row, now=moment)
    store.run(SURPLUS, most=MAX_ROWS)


def pause(wrong: int) -> int:
    """The seconds to wait after that many wrong answers: 1, 2, 4 and so on, at most 15 minutes."""
    return 0 if wrong < FREE else int(min(LONGEST, 2.0 ** min(wrong - FREE, 30)))


def wait(store: Store, name: str, source: str | None, known: bool = False) -> int:
    """The seconds this account still has to wait from this address, or browser that is known to it."""
    own = rest(store, key(name, source))
    return own if known or fresh(store, source) else max(own, rest(store, account(name)))


def fresh(store: Store, address: str | None) -> bool:
    """Whether no wrong password came from this address for a day."""
    return store.row(FIND, key=place(address)) is None


def rest(store: Store, row: str) -> int:
    """The seconds that are left of the wait of a row."""
    found = store.row(FIND, key=row)
    if found is None or (age := clock.seconds_since(found[1])) < 0:
        return 0
    return max(0, -int(-(pause(found[0]) - age) // 1))


def rows(name: str, source: str | None, known: bool) -> list[str]:
    """Where a password is counted: a known browser's only for itself."""
    return [key(name, source), *([] if known else [account(name), place(source)])]


def wrong(store: Store, name: str, source: str | None, known: bool = False) -> None:
    """Count a wrong answer."""
    with store.write():
        for row in rows(name, source, known):
            count(store, row, clock.now())


def right(store: Store, name: str, source: str | None, known: bool = False) -> None:
    """Forget the wrong answers: the right one was given."""
    with store.write():
        for row in rows(name, source, known):
            store.run(FORGET, key=row)
