"""The database engine: connections, compiled statements, and the one way to write.

Peewee describes each query once; its SQL is compiled on first use and executed with fresh values
(building costs about 100 µs a query, executing 6).
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from peewee import DatabaseError, Query, SqliteDatabase, Value

from promapp_lite.text import fold

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "write.lock"
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # an acknowledged write survives a power cut
    "foreign_keys": 1,
    "cache_size": -4_000,  # KiB for each connection; the system keeps the file in memory besides
    "temp_store": "memory",
}
BUSY_SECONDS = 10
STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock, about a millisecond
Result = TypeVar("Result")


# What the engine raises: wrapped by Peewee while a statement begins, plain while its rows are fetched.
FAULTS = (DatabaseError, sqlite3.DatabaseError)


class TooLong(Exception):
    """A read took longer than it may."""


class OnlyWriter:
    """No other process writes inside: it waits its turn, where SQLite would sleep and look again.

    The longest wait was 149 ms against 1,234 ms. The lock ends with its process, however that ends. Where
    the system has none one process serves, and SQLite's own is enough for the odd command beside it.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.with_name(LOCK)
        self.handle = -1

    def __enter__(self) -> None:
        if fcntl is None:
            return
        if self.handle < 0:
            self.handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.handle, fcntl.LOCK_EX)

    def __exit__(self, *fault: object) -> None:
        if self.handle >= 0:
            fcntl.flock(self.handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file back; it opens again when it is used."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


class Slot(str):
    """The place of a value in a compiled statement, by name."""


def slot(name: str) -> Value:
    """A value to be given when the statement runs."""
    return Value(Slot(name), converter=False)


class Statement:
    """A query compiled on first use; `store.run(statement, name=value, …)` fills its slots."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.compiled: tuple[str, tuple[Any, ...]] | None = None

    def bind(self, database: SqliteDatabase, values: dict[str, Any]) -> tuple[str, list[Any]]:
        """The SQL and its parameters in order."""
        if self.compiled is None:
            sql, parameters = database.get_sql_context().sql(self.query).query()
            self.compiled = sql, tuple(parameters)
        sql, parameters = self.compiled
        return sql, [values[each] if type(each) is Slot else each for each in parameters]


class Connection(sqlite3.Connection):
    """A connection that is closed with the thread it belongs to."""

    def __del__(self) -> None:
        with contextlib.suppress(BaseException):  # Python drops a signal's exception here, and prints it
            self.close()


class Database(SqliteDatabase):
    """A database that knows the connections of all its threads, as the last one closed folds the log."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.connections: WeakSet[Connection] = WeakSet()
        super().__init__(str(path), factory=Connection, check_same_thread=False, **options)

    def _connect(self) -> Connection:
        made: Connection = super()._connect()
        self.connections.add(made)
        return made

    def close_all(self) -> None:
        """Close the connections of every thread; none may be at work."""
        self.close()
        for each in list(self.connections):
            each.close()


def opened(path: Path, **options: Any) -> Database:
    """A database that opens its connections as this program wants them."""
    database = Database(path, pragmas=PRAGMAS, timeout=BUSY_SECONDS, cached_statements=512, **options)
    with_functions(database)
    return database


def with_functions(database: SqliteDatabase) -> SqliteDatabase:
    """The database, which knows the functions that its indexes are made with."""
    database.register_function(fold_value, "fold", 1, deterministic=True)
    return database


@dataclass
class Turn:
    """A piece of writing that waits for its turn, and how it went."""

    work: Callable[[], Any]
    result: Any = None
    error: BaseException | None = None
    done: bool = False


class Store:
    """An open database. Reads run at once on the thread's own connection, writes inside `transact`.

    All threads write on one connection: another's would have to read anew what this one has written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.turns: deque[Turn] = deque()
        self.database = opened(path)
        self.writer = opened(path, thread_safe=False)
        self.only = OnlyWriter(path)
        self.writing: int | None = None  # the thread inside `transact`
        self.behind = True  # activity was written here that may not be followed yet, see `store.follow`
        self.asked: Counter[str] = Counter()  # see `store.indexes`

    def run(self, statement: Statement, **values: Any) -> Any:
        """Execute a statement and return its cursor; rows are tuples."""
        database = self.writer if self.writing == threading.get_ident() else self.database
        sql, parameters = statement.bind(database, values)
        return database.execute_sql(sql, parameters)

    def row(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found: tuple[Any, ...] | None = self.run(statement, **values).fetchone()
        return found

    def rows(self, statement: Statement, **values: Any) -> Sequence[tuple[Any, ...]]:
        """All rows."""
        found: Sequence[tuple[Any, ...]] = self.run(statement, **values).fetchall()
        return found

    def transact(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a write transaction: all of it is kept, durably, or none, and its error raised.

        What several threads ask for meanwhile goes into one transaction, and so to the disk at once; each
        is undone by itself. It is no matter which of the threads runs it.
        """
        if self.writing == threading.get_ident():
            with self.writer.atomic():
                return work()
        mine = Turn(work)
        self.turns.append(mine)
        with self.lock:
            if not mine.done:
                self.take_turns([self.turns.popleft() for _ in range(len(self.turns))])
        try:
            if mine.error is not None:
                raise mine.error
            return mine.result  # type: ignore[no-any-return]
        finally:
            del mine  # an error holds this frame, which would hold the error

    def take_turns(self, turns: list[Turn]) -> None:
        """Do what is asked for in one transaction; where that cannot be kept, nobody's is."""
        self.writing = threading.get_ident()
        try:
            with self.only, self.writer.atomic("IMMEDIATE"):
                if len(turns) == 1:
                    turns[0].result = turns[0].work()
                else:
                    for each in turns:
                        self.take(each)
        except BaseException as error:
            for each in turns:
                each.error = each.error or error
        finally:
            self.writing = None
            for each in turns:
                each.done = True

    def take(self, turn: Turn) -> None:
        """Do one thing of several, or undo just that."""
        run = self.writer.execute_sql
        run("SAVEPOINT turn")
        try:
            turn.result = turn.work()
        except Exception as error:
            if not self.writer.connection().in_transaction:
                raise  # SQLite has undone the whole transaction, on a full disk for one
            run("ROLLBACK TO turn")
            turn.error = error
        run("RELEASE turn")

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Reads that are broken off after that time: TooLong is raised."""
        connection, end = self.database.connection(), time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        try:
            yield
        except FAULTS as error:
            if "interrupted" not in str(error):
                raise
            raise TooLong from None
        finally:
            connection.set_progress_handler(None, STEPS)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads that see the same state."""
        with self.database.atomic():
            yield

    def disconnect(self) -> None:
        """Close this thread's connection; it opens again when it is used."""
        self.database.close()

    def close(self) -> None:
        """Close every connection, so that SQLite folds the log into the database when nobody else has it."""
        with self.lock:
            self.writer.close_all()
            self.only.close()
        self.database.close_all()


def fold_value(text: Any) -> Any:
    """`fold` for SQL; what is no text passes through."""
    return fold(text) if isinstance(text, str) else text
