"""Writing: a block is kept whole, durably, or not at all; several threads are committed together."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from peewee import DatabaseError, OperationalError

from promapp_lite.ops.logs import first_fault
from promapp_lite.store.access import tokens
from promapp_lite.store.engine import DB_ERRORS, group_commit
from promapp_lite.store.engine.group_commit import WriterLock, WriteTimeout


def put(store, name):
    """Write one row of that name, inside a block."""
    store.writer.execute_sql("INSERT INTO setup (digest, expires) VALUES (?, '')", (name,))


def kept(store):
    """The names that are there."""
    sql = "SELECT digest FROM setup ORDER BY digest"
    return [name for (name,) in store.database.execute_sql(sql).fetchall()]


def until(true):
    """Wait until it is so, ten seconds at most."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def together(store):
    """together(work, …): each in a block of a thread of its own; all wait while the first is in its block.

    How each went: what it raised, and which names its thread saw once the block was left.
    """

    def together(*works):
        found = [SimpleNamespace(error=None, seen=None) for _ in works]
        entered, go_on = threading.Event(), threading.Event()

        def ask(number):
            try:
                with store.write():
                    entered.set()
                    go_on.wait(10)
                    works[number]()
                found[number].seen = kept(store)
            except Exception as error:
                found[number].error = error
            store.disconnect()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(works))]
        threads[0].start()
        entered.wait(10)
        for number, thread in enumerate(threads[1:], 1):
            thread.start()
            until(lambda: store.waiting == number)  # noqa: B023
        go_on.set()
        for thread in threads:
            thread.join(30)
        return found

    return together


@pytest.fixture
def statements(store):
    """The statements that the writing connection ran."""
    seen = []
    store.writer.connection().set_trace_callback(seen.append)
    yield seen
    store.writer.connection().set_trace_callback(None)


def test_several_are_one_transaction(store, together, statements):
    """Eight threads, one commit, and none goes on before it."""
    names = [f"n{number}" for number in range(8)]
    found = together(*(lambda name=name: put(store, name) for name in names))
    assert [each.seen for each in found] == [names] * 8
    assert statements.count("BEGIN IMMEDIATE") == statements.count("COMMIT") == 1


def test_a_transaction_has_an_end(store, together, statements, monkeypatch):
    """However many wait, some of them are committed before the others begin."""
    monkeypatch.setattr(group_commit, "MAX_BLOCKS", 3)
    together(*(lambda number=number: put(store, f"n{number}") for number in range(9)))
    assert len(kept(store)) == 9 and statements.count("COMMIT") >= 3


def test_one_alone_needs_no_savepoint(store, statements):
    """What waits with nobody is a transaction of its own."""
    with store.write():
        put(store, "one")
    assert [each.split(" ")[0] for each in statements] == ["BEGIN", "INSERT", "COMMIT"]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_fault_is_its_own(store, together, bad):
    """The block that fails raises in its own thread and leaves nothing; the others are kept."""

    def fail():
        put(store, "half")
        raise KeyError("mine")

    works = [lambda number=number: put(store, f"n{number}") for number in range(3)]
    works[bad] = fail
    found = together(*works)
    assert [isinstance(each.error, KeyError) for each in found] == [number == bad for number in range(3)]
    assert kept(store) == [f"n{number}" for number in range(3) if number != bad]


def test_what_cannot_be_committed_is_nobodys(store, together):
    """A commit that fails is raised in every thread that was in it, and nothing is there."""
    store.writer.execute_sql(
        "CREATE TABLE bound (name TEXT REFERENCES setup (digest) DEFERRABLE INITIALLY DEFERRED)"
    )

    def refused_at_commit():
        store.writer.execute_sql("INSERT INTO bound VALUES ('nobody')")

    found = together(lambda: put(store, "a"), refused_at_commit, lambda: put(store, "b"))
    assert [str(each.error) for each in found] == ["FOREIGN KEY constraint failed"] * 3
    assert all(isinstance(each.error, DatabaseError) for each in found)
    assert kept(store) == []
    with store.write():
        put(store, "later")
    assert kept(store) == ["later"]


def test_what_sqlite_undid_is_nobodys(store, together):
    """A full disk undoes the transaction in the middle: what came before is not kept, nor acknowledged."""

    def fill():
        pages = store.writer.execute_sql("PRAGMA page_count").fetchone()[0]
        store.writer.execute_sql(f"PRAGMA max_page_count = {pages}")
        put(store, "x" * 100_000)

    names = ["a", "b", "c"]  # the first begins the transaction, the others come before or after who fills it
    *found, filled = together(*(lambda name=name: put(store, name) for name in names), fill)
    failed = [each.error for each in [*found, filled] if each.error]
    assert {str(first_fault(error)) for error in failed} == {"database or disk is full"}
    assert all(isinstance(error, OperationalError) for error in failed)
    assert found[0].error and filled.error
    assert kept(store) == [name for name, each in zip(names, found, strict=True) if not each.error]
    store.writer.execute_sql("PRAGMA max_page_count = 1000000")
    with store.write():
        put(store, "later")
    assert "later" in kept(store)


def test_within_another(store):
    """A block inside another is part of that, and undone alone where its error is caught there."""
    with pytest.raises(KeyError), store.write():
        put(store, "outer")
        with store.write():
            put(store, "inner")
        raise KeyError
    assert kept(store) == []
    with store.write():
        put(store, "outer")
        with pytest.raises(KeyError), store.write():
            put(store, "inner")
            raise KeyError
    assert kept(store) == ["outer"]


def test_reads_see_what_was_acknowledged(store):
    """Another thread's connection sees a write as soon as it is answered; the writer sees it before."""

    def count():
        found = []
        reader = threading.Thread(target=lambda: found.append(len(tokens.listed(store))))
        reader.start()
        reader.join()
        return found[0]

    with store.write():
        tokens.create(store, "inside", "scim", 30, 1)
        assert (len(tokens.listed(store)), count()) == (1, 0)
    assert count() == 1


def test_what_is_acknowledged_is_there(store):
    """Many threads, a fifth of the blocks fail: there is what was acknowledged and nothing else."""
    acknowledged = []

    def write(number):
        dice = random.Random(number)
        for turn in range(40):
            name = f"{number}-{turn:02}"
            try:
                with store.write():
                    put(store, name)
                    if dice.random() < 0.2:
                        raise KeyError
            except KeyError:
                continue
            acknowledged.append(name)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert kept(store) == sorted(acknowledged) and 200 < len(acknowledged) < 320


def test_nobody_waits_for_ever(store, monkeypatch):
    """Who cannot write for ten seconds is told so, in the words of a database that cannot."""
    monkeypatch.setattr(group_commit, "WAIT_SECONDS", 0.05)
    errors = []

    def wait():
        try:
            with store.write():
                put(store, "late")
        except DB_ERRORS as error:
            errors.append(error)

    with store.write():
        put(store, "mine")
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(30)
    assert isinstance(errors[0], WriteTimeout) and "other writers" in str(errors[0])
    assert kept(store) == ["mine"]


def test_who_was_left_the_commit_has_gone(store):
    """A thread that left its commit to one that then gave up commits itself."""
    store.writing.waiting.add(0)  # as if it were between giving up and saying so
    with store.write():
        put(store, "mine")
    assert kept(store) == ["mine"]
    store.writing.waiting.discard(0)


WAIT = """
import sys, time
from pathlib import Path
from promapp_lite.store.engine.group_commit import WriterLock
WriterLock(Path(sys.argv[1])).acquire(0)
print("in", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(store):
    """Another process, which is writing."""
    command = [sys.executable, "-c", WAIT, str(store.path)]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout.readline() == b"in\n"
    yield started
    started.communicate(timeout=30)


@pytest.mark.skipif(os.name == "nt", reason="one process serves on Windows")
@pytest.mark.parametrize("end", ["leaves", "is killed"])
def test_another_process_has_its_turn(store, other, end):
    """A process waits for the one that writes, and goes on as soon as that has left or died."""

    def write():
        with store.write():
            put(store, "mine")

    waiting = threading.Thread(target=write)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive() and kept(store) == []
    if end == "is killed":
        other.kill()
    other.communicate(timeout=30)
    waiting.join(30)
    assert kept(store) == ["mine"]


@pytest.mark.skipif(os.name == "nt", reason="one process serves on Windows")
def test_another_process_never_ends(store, other, monkeypatch):
    """Waiting for another process has the same end, and the next write is as any other."""
    monkeypatch.setattr(group_commit, "WAIT_SECONDS", 0.05)
    with pytest.raises(WriteTimeout), store.write():
        put(store, "late")
    other.communicate(timeout=30)
    with store.write():
        put(store, "mine")
    assert kept(store) == ["mine"]


def test_without_locks_on_files(store, monkeypatch):
    """Where the system has none, SQLite's own lock is what stands between processes."""
    monkeypatch.setattr(group_commit, "fcntl", None)
    with store.write():
        put(store, "mine")
    assert kept(store) == ["mine"]
    WriterLock(store.path).release()


def failing(writer, sql, code):
    """Let that statement of the writer fail as a disk does, from now on; what ends that."""
    patch = pytest.MonkeyPatch()
    execute = writer.execute

    def fails(text):
        if text == sql:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = code
            raise error
        execute(text)

    patch.setattr(writer, "execute", fails)
    return patch.undo


@pytest.mark.parametrize(
    ("code", "told"),
    [(sqlite3.SQLITE_IOERR_FSYNC, "may or may not be saved"), (sqlite3.SQLITE_FULL, "Nothing was changed")],
)
def test_a_commit_that_fails_is_called_what_it_is(send, store, code, told):
    """R10: of a disk that fails nobody knows what it kept; on a full one nothing was written."""
    send("GET", "/Users")  # the use of the token is written
    repair = failing(store.writing, "COMMIT", code)
    answer = send("POST", "/Users", {"userName": "ada"})
    repair()
    assert answer.status == 503 and told in answer.json["detail"]
    assert answer.headers["Retry-After"]
    assert send("GET", '/Users?filter=userName eq "ada"').json["totalResults"] == 0


def test_after_a_failing_disk_a_commit_is_proved_first(send, store, monkeypatch):
    """Nothing is acknowledged before something that nobody needs could be committed and folded."""
    send("GET", "/Users")
    repair = failing(store.writing, "COMMIT", sqlite3.SQLITE_IOERR_WRITE)
    send("POST", "/Users", {"userName": "ada"})
    repair()
    with monkeypatch.context() as patch:
        patch.setattr(group_commit, "fold_log", broken)
        answer = send("POST", "/Users", {"userName": "ada"})
        assert answer.status == 503 and store.writing.suspect
    assert send("POST", "/Users", {"userName": "ada"}).status == 201 and not store.writing.suspect


def broken(_):
    """A disk that fails."""
    raise sqlite3.OperationalError("disk I/O error")


def test_a_log_that_cannot_be_folded_is_found(send, store, monkeypatch):
    """SQLite would go on into a log without end; the probe finds it, and stops the writes."""
    send("POST", "/Users", {"userName": "ada"})
    with monkeypatch.context() as patch:
        patch.setattr(group_commit, "fold_log", broken)
        store.prove_writable()  # a log of the usual size is left to SQLite
        patch.setattr(group_commit, "LOG_BYTES", 0)
        with pytest.raises(sqlite3.OperationalError):
            store.prove_writable()
        assert send("POST", "/Users", {"userName": "eve"}).status == 503
    assert send("POST", "/Users", {"userName": "eve"}).status == 201


def test_a_lock_that_cannot_be_opened_is_an_answer(send, store, monkeypatch):
    """A file of another user's: 503 as for any fault of the disk."""
    store.writing.processes.close()
    with monkeypatch.context() as patch:
        patch.setattr(store.writing.processes, "file", store.path.parent / "none" / "write.lock")
        assert send("POST", "/Users", {"userName": "ada"}).status == 503
    assert send("POST", "/Users", {"userName": "ada"}).status == 201
