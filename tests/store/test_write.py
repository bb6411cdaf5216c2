"""Writing together: what several threads ask for goes to the disk at once, each kept or undone by itself."""

import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from peewee import OperationalError

from promapp_lite.ops.logs import first_fault
from promapp_lite.store import engine
from promapp_lite.store.access import tokens


def keep(store, name):
    """A piece of writing: one row of that name."""
    return lambda: (
        store.writer.execute_sql("INSERT INTO mark (name, position) VALUES (?, 1)", (name,)) and name
    )


def kept(store):
    """The names that are there."""
    return [name for (name,) in store.database.execute_sql("SELECT name FROM mark ORDER BY name").fetchall()]


@pytest.fixture
def together(store):
    """together(work, …): each asked for by a thread of its own, all waiting at once; how each went."""

    def together(*works):
        found = [SimpleNamespace(result=None, error=None) for _ in works]

        def ask(number):
            try:
                found[number].result = store.transact(works[number])
            except Exception as error:
                found[number].error = error

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(works))]
        with store.lock:
            for number, thread in enumerate(threads, 1):
                thread.start()
                while len(store.turns) < number:
                    pass
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
    """Eight threads, eight results, one commit."""
    found = together(*(keep(store, f"n{number}") for number in range(8)))
    assert [each.result for each in found] == kept(store) == [f"n{number}" for number in range(8)]
    assert statements.count("BEGIN IMMEDIATE") == statements.count("COMMIT") == 1


def test_one_alone_needs_no_savepoint(store, statements):
    """What waits with nobody is a transaction of its own."""
    assert store.transact(keep(store, "one")) == "one"
    assert [each.split(" ")[0] for each in statements] == ["BEGIN", "INSERT", "COMMIT"]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_fault_is_its_own(store, together, bad):
    """The one that fails raises in its own thread and leaves nothing; the others are kept."""

    def fail():
        keep(store, "half")()
        raise KeyError("mine")

    works = [keep(store, f"n{number}") for number in range(3)]
    works[bad] = fail
    found = together(*works)
    assert [isinstance(each.error, KeyError) for each in found] == [number == bad for number in range(3)]
    assert kept(store) == [f"n{number}" for number in range(3) if number != bad]


def test_what_cannot_be_committed_is_nobodys(store, together, monkeypatch):
    """A commit that fails is told to all who waited for it, and nothing is there."""

    def full():
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(store.writer, "commit", full)
    found = together(keep(store, "a"), keep(store, "b"))
    assert [str(each.error) for each in found] == ["database or disk is full"] * 2
    monkeypatch.undo()
    assert kept(store) == []
    assert store.transact(keep(store, "later")) == "later"


def test_what_sqlite_undid_is_nobodys(store, together):
    """A full disk undoes the transaction in the middle: what comes after must not be kept by itself."""

    def fill():
        pages = store.writer.execute_sql("PRAGMA page_count").fetchone()[0]
        store.writer.execute_sql(f"PRAGMA max_page_count = {pages}")
        store.writer.execute_sql("INSERT INTO mark (name, position) VALUES (?, 1)", ("x" * 100_000,))

    found = together(keep(store, "a"), fill, keep(store, "b"))
    assert all(isinstance(each.error, OperationalError) for each in found)
    assert {str(first_fault(each.error)) for each in found} == {"database or disk is full"}
    assert kept(store) == []
    store.writer.execute_sql("PRAGMA max_page_count = 1000000")
    assert store.transact(keep(store, "later")) == "later"


def test_within_another(store):
    """What is asked for inside a transaction is part of it."""

    def outer():
        keep(store, "outer")()
        store.transact(keep(store, "inner"))
        raise KeyError

    with pytest.raises(KeyError):
        store.transact(outer)
    assert kept(store) == []


def test_reads_see_what_was_acknowledged(store):
    """Another thread's connection sees a write as soon as it is answered; the writer sees it before."""
    seen = []

    def work():
        tokens.create(store, "inside", "scim", 30, 1)
        seen.append((len(tokens.listed(store)), count(store)))

    def count(store):
        found = []
        reader = threading.Thread(target=lambda: found.append(len(tokens.listed(store))))
        reader.start()
        reader.join()
        return found[0]

    store.transact(work)
    assert seen == [(1, 0)] and count(store) == 1


WAIT = """
import sys, time
from pathlib import Path
from promapp_lite.store import engine
with engine.OnlyWriter(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="one process serves on Windows")
@pytest.mark.parametrize("end", ["leaves", "is killed"])
def test_another_process_has_its_turn(store, end):
    """A process waits for the one that writes, and goes on as soon as that has left or died."""
    command = [sys.executable, "-c", WAIT, str(store.path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"in\n"
    waiting = threading.Thread(target=store.transact, args=(keep(store, "mine"),))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive() and kept(store) == []
    if end == "is killed":
        other.kill()
    other.communicate(timeout=30)
    waiting.join(30)
    assert kept(store) == ["mine"]


def test_without_locks_on_files(store, monkeypatch):
    """Where the system has none, SQLite's own lock is what stands between processes."""
    monkeypatch.setattr(engine, "fcntl", None)
    assert store.transact(keep(store, "mine")) == "mine" and kept(store) == ["mine"]
