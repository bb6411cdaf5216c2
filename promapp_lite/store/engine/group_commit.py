"""Write transactions: one connection, one thread at a time, and one commit for all who were waiting.

A thread that leaves its block while others wait leaves the commit to the last of them, and returns after
it: what several threads write goes to the disk at once.
"""

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from peewee import DatabaseError, OperationalError

from promapp_lite.store.engine.sqlite import LOG_BYTES, Database, fold_log, touch

fcntl: Any = None
with contextlib.suppress(ImportError):  # Windows has none
    import fcntl

LOCK = "write.lock"
WAIT_SECONDS = 10  # for the turn to write
POLL_SECONDS = 0.0001  # between two tries for a file that another process has locked
COMMIT_SECONDS = 0.005  # after so long without a commit, a thread that left it to others does it itself
Identity = tuple[int, int] | None  # device and number of a file
MAX_BLOCKS = 64  # in one transaction, so that the first does not wait for ever


class WriteTimeout(DatabaseError):
    """Others were writing for so long that this write was given up; nothing of it was written."""

    def __init__(self) -> None:
        super().__init__(f"waited {WAIT_SECONDS} seconds for other writers")


class CommitFailed(OperationalError):
    """The transaction could not be kept; nothing that any of its threads wrote is there."""


class CommitUncertain(CommitFailed):
    """The disk failed while the transaction was committed: after a restart it may be there, whole, or not."""


class DatabaseGone(DatabaseError):
    """The file was removed, moved or replaced while it was open: what is written now would be lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was removed or replaced while promapp-lite had it open: restart it")


def is_io(error: BaseException) -> bool:
    """Whether the disk failed, rather than being full or the data refused."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR


class WriterLock:
    """Keeps other processes from writing: a locked file beside the database, free once its holder ends.

    SQLite's own lock would do, but who waits for it sleeps up to 100 ms at a time: the longest wait was
    1,234 ms against 149. On Windows one process serves, and SQLite's own is enough for the odd command
    beside it.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.with_name(LOCK)
        self.handle = -1

    def acquire(self, end: float) -> None:
        """Lock the file; WriteTimeout where another process still has it at `end` (monotonic)."""
        if fcntl is None:
            return
        if self.handle < 0:
            try:
                self.handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise OperationalError(f"{self.file} cannot be opened: {error.strerror}") from None
        while not self.locked():
            if time.monotonic() > end:
                raise WriteTimeout
            time.sleep(POLL_SECONDS)

    def locked(self) -> bool:
        """Whether the file could be locked at once."""
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Unlock the file."""
        if self.handle >= 0:
            fcntl.flock(self.handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; it opens again when it is used."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def identity(file: Path) -> Identity:
    """Which file has this name, None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Transaction:
    """The open transaction: how many blocks are in it, and how it ended for all of them."""

    def __init__(self) -> None:
        self.blocks = 0
        self.left: list[threading.Lock] = []  # one held for each thread that waits for the end
        self.failure: BaseException | None = None

    def leave(self) -> threading.Lock:
        """A lock that is free once the transaction has ended; half the work of an Event."""
        held = threading.Lock()
        held.acquire()
        self.left.append(held)
        return held


class Writer:
    """Gives the connection that writes to one thread at a time, a block after the other."""

    def __init__(self, database: Database, path: Path) -> None:
        self.database = database
        self.path = path
        self.files: tuple[Identity, ...] | None = None  # those that the connection has open
        self.lock = threading.Lock()  # the connection, and all below
        self.processes = WriterLock(path)
        self.waiting: set[int] = set()
        self.thread: int | None = None
        self.transaction: Transaction | None = None
        self.suspect = (
            False  # the disk has failed; nothing is acknowledged before something could be committed
        )

    @property
    def is_mine(self) -> bool:
        """Whether this thread is inside a block."""
        return self.thread == threading.get_ident()

    def enter(self) -> Transaction:
        """Wait for the turn to write, and begin a transaction or go on in the open one."""
        end = time.monotonic() + WAIT_SECONDS
        if not self.lock.acquire(blocking=False):
            self.wait()
        try:
            joined = self.transaction or self.begin(end)
            if joined.blocks:
                self.execute("SAVEPOINT block")  # the first is undone with the transaction
            joined.blocks += 1
        except BaseException:
            self.lock.release()
            raise
        self.thread = threading.get_ident()
        return joined

    def wait(self) -> None:
        """Wait for the lock, seen by who holds it; WriteTimeout."""
        mine = threading.get_ident()
        self.waiting.add(mine)
        try:
            if not self.lock.acquire(timeout=WAIT_SECONDS):
                raise WriteTimeout
        finally:
            self.waiting.discard(mine)

    def leave(self, joined: Transaction, error: BaseException | None) -> None:
        """Commit, or leave that to who waits; returns once what the block wrote is on the disk.

        A block that failed is undone alone. A transaction that SQLite has undone, or that cannot be
        committed, has failed for every thread that was in it.
        """
        held = None
        try:
            if error is not None:
                self.undo(joined, error)
            if joined is self.transaction and (not self.waiting or joined.blocks >= MAX_BLOCKS):
                self.commit(joined)
            elif joined is self.transaction and error is None:
                held = joined.leave()
        finally:
            self.thread = None
            self.lock.release()
        if held is not None:
            self.wait_for_commit(joined, held)
        if error is None and joined.failure is not None:
            kind = CommitUncertain if is_io(joined.failure) else CommitFailed
            raise kind(str(joined.failure)) from joined.failure

    def wait_for_commit(self, joined: Transaction, held: threading.Lock) -> None:
        """Return once the transaction has ended, by whomever."""
        while not held.acquire(timeout=COMMIT_SECONDS):
            if self.lock.acquire(blocking=False):  # who waited has given up
                try:
                    if joined is self.transaction:
                        self.commit(joined)
                finally:
                    self.lock.release()

    def begin(self, end: float) -> Transaction:
        """Begin a transaction that no other process writes beside."""
        self.processes.acquire(end)
        try:
            if self.suspect:
                self.prove()
            self.execute("BEGIN IMMEDIATE")
            self.check_files()
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.execute("ROLLBACK")
            self.processes.release()
            raise
        self.transaction = Transaction()
        return self.transaction

    def prove(self) -> None:
        """Commit something that nobody reads, and bring the log into the database; or raise why not."""
        self.execute("BEGIN IMMEDIATE")
        touch(self.database)
        self.execute("COMMIT")
        fold_log(self.database)
        self.suspect = False

    def look_after(self) -> None:
        """Bring a log that has grown into the database, as SQLite is silent where it cannot.

        Where it fails, that is raised, and nothing is acknowledged until `prove` has succeeded.
        """
        log = self.path.with_name(self.path.name + "-wal")
        if not log.exists() or log.stat().st_size <= LOG_BYTES:
            return
        with self.lock:
            if self.transaction is not None:  # others write: its turn comes again soon
                return
            self.processes.acquire(time.monotonic() + WAIT_SECONDS)
            try:
                fold_log(self.database)
            except sqlite3.Error:
                self.suspect = True
                raise
            finally:
                self.processes.release()

    def check_files(self) -> None:
        """DatabaseGone where database or log are no longer the files that are open."""
        now = tuple(identity(self.path.with_name(self.path.name + end)) for end in ("", "-wal"))
        if self.files is None:
            self.files = now
        elif now != self.files:
            raise DatabaseGone(self.path)

    def undo(self, joined: Transaction, error: BaseException) -> None:
        """Undo the block that failed; where SQLite has undone all, on a full disk for one, all failed."""
        if not self.database.connection().in_transaction:
            self.end(joined, error)
        elif joined.blocks == 1:
            self.end(joined)
        else:
            self.undo_block()

    def undo_block(self) -> None:
        """Undo what was done since the newest savepoint."""
        self.execute("ROLLBACK TO block")
        self.execute("RELEASE block")

    def commit(self, joined: Transaction) -> None:
        """Commit for all; a failure is raised in their threads."""
        failure = None
        try:
            self.execute("COMMIT")
        except BaseException as error:
            failure = error
            self.suspect = is_io(error)
        self.end(joined, failure)

    def end(self, joined: Transaction, failure: BaseException | None = None) -> None:
        """The transaction is over: undo what was not committed, and tell its threads."""
        self.transaction, joined.failure = None, failure
        with contextlib.suppress(sqlite3.Error):
            if self.database.connection().in_transaction:
                self.execute("ROLLBACK")
        self.processes.release()
        for held in joined.left:
            held.release()

    def execute(self, sql: str) -> None:
        """A statement that begins or ends something."""
        self.database.connection().execute(sql)

    def close(self) -> None:
        """Close the connection once no thread writes."""
        with self.lock:
            if self.transaction:
                self.commit(self.transaction)
            self.database.close_all()
            self.processes.close()
            self.files = None


class Block:
    """`with store.write():`, the outer one in its thread or one within."""

    __slots__ = ("joined", "writer")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.joined: Transaction | None = None

    def __enter__(self) -> None:
        if self.writer.is_mine:
            self.writer.execute("SAVEPOINT block")
        else:
            self.joined = self.writer.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.joined is not None:
            self.writer.leave(self.joined, error)
        elif error is None:
            self.writer.execute("RELEASE block")
        elif self.writer.database.connection().in_transaction:
            self.writer.undo_block()
