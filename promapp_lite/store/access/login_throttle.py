"""Wrong passwords: after ten in a row for one account from one address each further one waits longer.

Never a permanent lock, and nobody else waits: another address, and another account, count on their own.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from promapp_lite import clock
from promapp_lite.store.engine import Statement, Store, param
from promapp_lite.store.models import Attempt
from promapp_lite.text import fold

FREE, LONGEST = 10, 900  # wrong answers without a wait; seconds
KEPT = timedelta(days=1)

FIND = Statement(Attempt.select(Attempt.wrong, Attempt.last).where(Attempt.key == param("key")))
COUNT = Statement(
    Attempt.insert({Attempt.key: param("key"), Attempt.wrong: 1, Attempt.last: param("now")}).on_conflict(
        conflict_target=[Attempt.key],
        update={Attempt.wrong: Attempt.wrong + 1, Attempt.last: param("now")},
    )
)
FORGET = Statement(Attempt.delete().where(Attempt.key == param("key")))
SWEEP = Statement(Attempt.delete().where(Attempt.last < param("old")))


def key(name: str, address: str | None) -> str:
    """What an account and an address are counted under; what was typed as a name is not kept."""
    return hashlib.sha256(f"{fold(name)}\n{address}".encode()).hexdigest()


def pause(wrong: int) -> int:
    """The seconds to wait after that many wrong answers: 1, 2, 4 and so on, at most 15 minutes."""
    return 0 if wrong < FREE else int(min(LONGEST, 2.0 ** min(wrong - FREE, 30)))


def wait(store: Store, name: str, address: str | None) -> int:
    """The seconds this account still has to wait from this address."""
    found = store.row(FIND, key=key(name, address))
    if found is None:
        return 0
    ready = clock.moment(found[1]) + timedelta(seconds=pause(found[0]))
    left = (ready - datetime.now(UTC)).total_seconds()
    return max(0, -int(-left // 1))


def wrong(store: Store, name: str, address: str | None) -> None:
    """Count a wrong answer."""
    with store.write():
        store.run(SWEEP, old=clock.stamp(datetime.now(UTC) - KEPT))
        store.run(COUNT, key=key(name, address), now=clock.now())


def right(store: Store, name: str, address: str | None) -> None:
    """Forget the wrong answers: the right one was given."""
    with store.write():
        store.run(FORGET, key=key(name, address))
