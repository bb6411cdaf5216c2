"""The database engine: connections, compiled statements, and the one way to write.

Peewee describes each query once; its SQL is compiled on first use and executed with fresh values
(building costs about 100 µs a query, executing 6).
"""

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from peewee import DatabaseError, Query, SqliteDatabase, Value

from promapp_lite.store.engine.group_commit import Block, Writer
from promapp_lite.text import fold

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # an acknowledged write survives a power cut
    "foreign_keys": 1,
    "cache_size": -4_000,  # KiB for each connection; the system keeps the file in memory besides
    "temp_store": "memory",
}
BUSY_SECONDS = 10
STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock, about a millisecond


# What the engine raises: wrapped by Peewee while a statement begins, plain while its rows are fetched.
DB_ERRORS = (DatabaseError, sqlite3.DatabaseError)


class TooLong(Exception):
    """A read took longer than it may."""


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


class Store:
    """An open database. Reads run at once on the thread's own connection, writes inside `write()`.

    All threads write on one connection: another's would have to read anew what this one has written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = opened(path)
        self.writer = opened(path, thread_safe=False)
        self.writing = Writer(self.writer, path)
        self.behind = True  # activity was written here that may not be followed yet, see `store.follow`
        self.asked: Counter[str] = Counter()  # see `store.indexes`

    def run(self, statement: Statement, **values: Any) -> Any:
        """Execute a statement and return its cursor; rows are tuples."""
        database = self.writer if self.writing.thread == threading.get_ident() else self.database
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

    def write(self) -> Block:
        """A block that writes: all of it is kept, durably, once it is left, or none where it raises.

        Within another block it is part of that. What cannot be kept is raised where the block is left.
        """
        return Block(self.writing)

    @property
    def waiting(self) -> int:
        """How many threads wait for their turn to write."""
        return len(self.writing.waiting)

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Reads that are broken off after that time: TooLong is raised."""
        connection, end = self.database.connection(), time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        try:
            yield
        except DB_ERRORS as error:
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
        self.writing.close()
        self.database.close_all()


def fold_value(text: Any) -> Any:
    """`fold` for SQL; what is no text passes through."""
    return fold(text) if isinstance(text, str) else text
