"""What follows the writes: search words and cycles come to be as if each write had made them itself."""

import logging
import random
import threading
import time

import pytest
from peewee import OperationalError

from promapp_lite.config import Settings
from promapp_lite.server import run
from promapp_lite.server.board import Board
from promapp_lite.store.access import tokens
from promapp_lite.store.activity import cycles, indexer, journal
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import people, search
from promapp_lite.store.engine import Store


@pytest.fixture
def ada(signed_in):
    """A browser ada is signed in with."""
    return signed_in


def patch(path, value):
    """A PATCH body of one replace."""
    return {"Operations": [{"op": "replace", "path": path, "value": value}]}


def words(store):
    """Every word: table, position, key."""
    return store.database.execute_sql("SELECT kind, seq, key FROM word ORDER BY 1, 2, 3").fetchall()


def position(store):
    """The last row of activity that has been followed."""
    return store.database.execute_sql("SELECT MAX(id) FROM activity WHERE indexed").fetchone()[0]


def wait_until_followed(store, row):
    """Wait until the activity has been followed so far, five seconds at most."""
    for _ in range(500):
        if position(store) == row:
            return
        time.sleep(0.01)


@pytest.fixture
def busy(send):
    """A lively hour: people come, are renamed, go and fail, in an order that is the same each time."""

    def busy(count):
        dice, here = random.Random(3), []
        for number in range(count):
            act = dice.choice("ccrdfu")
            if act == "c" or not here:
                here.append(
                    send(
                        "POST", "/Users", {"userName": f"user{number}", "displayName": f"Ann {number}"}
                    ).json["id"]
                )
            elif act == "r":
                send("PATCH", f"/Users/{dice.choice(here)}", patch("displayName", f"Zoë {number}"))
            elif act == "d":
                send("DELETE", f"/Users/{here.pop(dice.randrange(len(here)))}")
            elif act == "f":
                send("PATCH", f"/Users/{dice.choice(here)}", patch("active", "maybe"))
            else:
                send("PATCH", f"/Users/{dice.choice(here)}", patch("title", f"Title {number % 3}"))

    return busy


@pytest.mark.parametrize("step", [1, 7, 50])
def test_the_size_of_a_step_does_not_matter(store, busy, step):
    """However the rows are cut into steps, words and cycles are those of the whole."""
    busy(60)
    indexer.catch_up(store, step)
    held = words(store)
    runs = cycles.worked(store, 99, 9)
    for table in ("word", "cycle"):
        store.database.execute_sql(f"DELETE FROM {table}")  # noqa: S608
    store.database.execute_sql("UPDATE activity SET indexed = FALSE")
    indexer.catch_up(store)
    assert words(store) == held and len(held) > 20
    assert cycles.worked(store, 99, 9) == [runs[0]._replace(id=runs[0].id)]
    assert sum(runs[0].counts.values()) > 40


def test_words_are_those_of_the_documents(store, busy):
    """What search holds of people is what their documents say, no more."""
    busy(80)
    indexer.catch_up(store)
    wanted = [
        ("User", seq, word)
        for seq, doc in store.database.execute_sql("SELECT seq, doc FROM users").fetchall()
        for word in search.words(search.texts_of(search.USERS, search.orjson.loads(doc)))
    ]
    assert [row for row in words(store) if row[0] == "User"] == sorted(wanted)


def test_a_row_that_becomes_visible_late(store, send):
    """A row with a lower number than those followed is followed too, once, in the cycle of its token."""
    for number in range(3):
        send("POST", "/Users", {"userName": f"u{number}"})
    store.database.execute_sql("UPDATE activity SET id = id + 10")
    store.database.execute_sql("UPDATE activity SET indexed = TRUE WHERE id = 11")  # not visible yet
    indexer.catch_up(store)
    assert cycles.last(store)[5:7] == (12, 13) and people.listed(store, "people", "u0") == []
    store.database.execute_sql("UPDATE activity SET indexed = FALSE WHERE id = 11")
    indexer.catch_up(store)
    (cycle,) = cycles.worked(store, 99, 9)
    assert (cycle.created, cycle.first, cycle.last) == (3, 11, 13)
    assert [each.name for each in people.listed(store, "people", "u0")] == ["u0"]


def test_what_is_new_is_found_without_reading_the_rest(store):
    """By an index of the rows that are not followed yet, so that a million others cost nothing."""
    sql, held = indexer.BEHIND.bind(store.database, {})
    plan = store.database.execute_sql("EXPLAIN QUERY PLAN " + sql, held).fetchall()
    assert [step[3] for step in plan] == ["SCAN t1 USING INDEX activity_unindexed"]


def test_nothing_new_writes_nothing(store, send):
    """Following what is followed already takes no transaction."""
    send("POST", "/Users", {"userName": "a"})
    indexer.catch_up(store)
    seen = store.writer.execute_sql("SELECT total_changes()").fetchone()
    indexer.catch_up(store)
    assert store.writer.execute_sql("SELECT total_changes()").fetchone() == seen


def test_a_step_is_whole_or_not_at_all(store, send, monkeypatch):
    """What fails half-way is followed from where it was, and counted once."""
    send("POST", "/Users", {"userName": "a"})
    with monkeypatch.context() as broken:
        broken.setattr(search, "follow", lambda store, rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            indexer.catch_up(store)
    assert cycles.last(store) is None and position(store) is None
    indexer.catch_up(store)
    assert cycles.last(store).created == 1


def test_made_and_gone_before_it_was_followed(store, send):
    """A person who came and went between two looks leaves the words of the delete only."""
    made = send("POST", "/Users", {"userName": "brief"}).json["id"]
    send("DELETE", f"/Users/{made}")
    indexer.catch_up(store)
    assert [(kind, key) for kind, _, key in words(store)] == [("Activity", "brief")]
    assert [each.name for each in people.listed(store, "deleted", "bri")] == ["brief"]
    assert cycles.last(store).counts == {"created": 1, "deleted": 1}


def test_tokens_take_turns(store, send):
    """Rows of two tokens in one step are two cycles, each with its own numbers."""
    other = tokens.create(store, "other", "scim", 30, 1)
    for number in range(4):
        headers = {"Authorization": f"Bearer {other}"} if number % 2 else {}
        send("POST", "/Users", {"userName": f"u{number}"}, headers)
    indexer.catch_up(store)
    runs = cycles.worked(store, 99, 9)
    assert [(run.token, run.created, run.first, run.last) for run in runs] == [
        ("other", 2, 2, 4),
        ("tests", 2, 1, 3),
    ]


def test_a_pause_within_a_step_begins_a_cycle(store, send):
    """Ten quiet minutes divide cycles also where both are followed at once."""
    for number in range(4):
        send("POST", "/Users", {"userName": f"u{number}"})
    store.database.execute_sql("UPDATE activity SET at = '2026-01-01T00:00:00.000Z' WHERE id < 3")
    store.database.execute_sql("UPDATE activity SET at = '2026-01-01T00:10:00.001Z' WHERE id >= 3")
    indexer.catch_up(store)
    assert [(run.created, run.first, run.last) for run in cycles.worked(store, 99, 9)] == [
        (2, 3, 4),
        (2, 1, 2),
    ]
    assert cycles.last(store).started == cycles.last(store).ended == "2026-01-01T00:10:00.001Z"


def test_numbers_are_not_given_twice(store, send, monkeypatch):
    """The newest row outlives its time: a later one with its number would not be followed."""
    monkeypatch.setattr(journal, "KEPT", 1)
    send("POST", "/Users", {"userName": "old"})
    indexer.catch_up(store)
    store.database.execute_sql("UPDATE activity SET at = '2020-01-01T00:00:00.000Z'")
    assert journal.prune(store, 90) == 0
    send("POST", "/Users", {"userName": "new"})
    indexer.catch_up(store)
    assert [each.name for each in people.listed(store, "people", "new")] == ["new"]
    assert journal.prune(store, 90) == 1


def test_it_keeps_up_beside_the_requests(store, send, monkeypatch):
    """The thread of `serve` follows until it is told to end."""
    monkeypatch.setattr(indexer, "SECONDS", 0.01)
    ended = threading.Event()
    keeper = threading.Thread(target=indexer.keep_up, args=(store, ended))
    keeper.start()
    send("POST", "/Users", {"userName": "soon"})
    wait_until_followed(store, 1)
    ended.set()
    keeper.join(10)
    assert not keeper.is_alive() and cycles.last(store).created == 1


def test_who_wrote_follows(store, send, monkeypatch):
    """A process leaves to another what that one wrote: each would have to read anew what the other writes."""
    other, looks = Store(store.path), iter([True] * 3)
    ended = threading.Event()
    indexer.catch_up(other)
    other.behind = False  # as after its first look
    send("POST", "/Users", {"userName": "here"})
    monkeypatch.setattr(indexer, "SECONDS", 0)
    monkeypatch.setattr(ended, "wait", lambda _: next(looks, None) is None)
    indexer.keep_up(other, ended)
    assert position(store) is None
    with other.write():
        journal.record(other, Caller("GET", "/x", token_id=1), "test", 200)
    looks = iter([True] * 3)
    indexer.keep_up(other, ended)
    assert position(store) == 2 and not other.behind
    other.close()


@pytest.mark.parametrize("number", [0, 1])
def test_each_of_several_processes_follows(store, monkeypatch, number):
    """Whatever its number."""

    def loop(app, settings, bound, shown, dispatch, board, admits):
        assert board.number == number
        with store.write():
            journal.record(store, Caller("GET", "/x", token_id=1), "test", 200)
        wait_until_followed(store, 1)

    monkeypatch.setattr(run, "loop", loop)
    monkeypatch.setattr(indexer, "SECONDS", 0.01)
    share = Board(2)
    share.join(number)
    run.serve_here(Settings(store.path.parent), store, [], None, share)
    assert position(store) == 1


def test_what_could_not_be_followed_stays_behind(store, send, monkeypatch):
    """The process that wrote tries again."""

    def full(*_):
        raise OperationalError("database or disk is full")

    send("POST", "/Users", {"userName": "here"})
    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr(search, "follow", full)
        indexer.catch_up(store)
    assert store.behind and position(store) is None
    indexer.catch_up(store)
    assert not store.behind and position(store) == 1


def test_a_full_disk_is_told_once(store, monkeypatch, caplog):
    """While nothing can be written one line says so, not one a second."""
    looks = iter([True] * 5)
    ended = threading.Event()

    def full(store):
        next(looks, None) or ended.set()
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(indexer, "SECONDS", 0)
    monkeypatch.setattr(indexer, "catch_up", full)
    with caplog.at_level(logging.ERROR):
        indexer.keep_up(store, ended)
    assert [each.getMessage() for each in caplog.records] == [
        "search and cycles are not up to date: database or disk is full"
    ]


def test_the_console_shows_all_the_same(ada, store, monkeypatch):
    """A disk that is full does not take the page away."""

    def full():
        raise OperationalError("database or disk is full")

    with store.write():
        journal.record(store, Caller("GET", "/x", token_id=1), "test", 200)
    monkeypatch.setattr(store, "write", full)
    assert ada.get().status_code == 200


def test_a_clock_that_was_ahead_leaves_no_endless_cycle(store, send):
    """What comes after it is a cycle of its own, and the last one."""
    for at in ("2027-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z"):
        send("POST", "/Users", {"userName": at})
        store.database.execute_sql(
            "UPDATE activity SET at = ? WHERE id = (SELECT MAX(id) FROM activity)", (at,)
        )
    indexer.catch_up(store)
    last = cycles.last(store)
    assert (last.started, last.ended, last.created) == (
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:01:00.000Z",
        2,
    )
