"""Limits on guessing passwords: how many tries an address has, what is kept, and that no limit lasts."""

from datetime import UTC, datetime, timedelta

import pytest

from promapp_lite import clock
from promapp_lite.store import opening
from promapp_lite.store.access import login_throttle


def shifted(store, **ago):
    """Move all that was counted into the past, or the future."""
    moment = clock.stamp(datetime.now(UTC) - timedelta(**ago))
    store.database.execute_sql("UPDATE attempt SET last = ?", (moment,))


def spend(store, address, tries=login_throttle.TRIES):
    """The answers to some tries of an address."""
    return [login_throttle.admit(store, address) for _ in range(tries)]


def test_ten_tries_a_minute(store):
    """The eleventh waits for the rest of the minute; another address does not."""
    assert set(spend(store, "10.0.0.1")) == {0}
    assert 55 <= login_throttle.admit(store, "10.0.0.1") <= 60
    assert login_throttle.admit(store, "10.0.0.2") == 0


def test_what_is_refused_is_not_counted(store):
    """Trying on does not make the wait longer; after the minute there are ten again."""
    spend(store, "10.0.0.1", 30)
    shifted(store, seconds=61)
    assert spend(store, "10.0.0.1") == [0] * 10
    assert login_throttle.admit(store, "10.0.0.1") > 0


def test_all_processes_count_together(store):
    """A second connection to the same database goes on with the count."""
    spend(store, "10.0.0.1")
    other = opening.open_store(store.path.parent)
    assert login_throttle.admit(other, "10.0.0.1") > 0
    other.close()


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        (None, "10.0.0.1", False),
    ],
)
def test_whose_tries_are_one(store, one, another, same):
    """A customer has a whole /64 of IPv6 addresses."""
    spend(store, one)
    assert (login_throttle.admit(store, another) > 0) is same


def test_a_clock_that_was_set_back_locks_nobody_out(store):
    """What was counted in the future is forgotten."""
    spend(store, "10.0.0.1")
    for _ in range(20):
        login_throttle.wrong(store, "ada", "10.0.0.1")
    shifted(store, days=-365)
    assert login_throttle.admit(store, "10.0.0.1") == 0
    assert login_throttle.wait(store, "ada", "10.0.0.1") == 0


def test_the_table_stays_small(store, monkeypatch):
    """A flood pushes out the oldest rows, and a day later there is nothing left of it."""
    monkeypatch.setattr(login_throttle, "MAX_ROWS", 5)
    for number in range(20):
        login_throttle.admit(store, f"10.0.0.{number}")
        login_throttle.wrong(store, f"name{number}", "10.0.0.1")
    assert len(store.database.execute_sql("SELECT * FROM attempt").fetchall()) == 5
    shifted(store, days=2)
    login_throttle.admit(store, "10.1.0.1")
    assert len(store.database.execute_sql("SELECT * FROM attempt").fetchall()) == 1


def test_an_account_is_paced_over_all_addresses(store):
    """After ten wrong ones from ten addresses all wait but known browsers and addresses without any."""
    for number in range(14):
        login_throttle.wrong(store, "ada", f"10.0.0.{number}")
    assert 0 < login_throttle.wait(store, "ada", "10.0.0.3") <= 16
    assert login_throttle.wait(store, "ada", "10.9.9.9") == 0
    assert login_throttle.wait(store, "ada", "device x", known=True) == 0
    shifted(store, seconds=17)
    assert login_throttle.wait(store, "ada", "10.0.0.3") == 0
