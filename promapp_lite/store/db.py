"""The database: opening, compiled statements, and the one way to write.

Peewee describes each query once; its SQL is compiled on first use and executed with fresh values
(building costs about 100 µs a query, executing 6).
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from peewee import DatabaseError, Query, SqliteDatabase, Value

from promapp_lite import wire

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # an acknowledged write survives a power cut
    "foreign_keys": 1,
    "cache_size": -16_000,
    "mmap_size": 256 * 1024 * 1024,
    "temp_store": "memory",
}
BUSY_SECONDS = 10
STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock, about a millisecond
Result = TypeVar("Result")


# What the engine raises: wrapped by Peewee while a statement begins, plain while its rows are fetched.
FAULTS = (DatabaseError, sqlite3.DatabaseError)


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


class Store:
    """An open database. Reads run at once on the thread's own connection, writes inside `transact`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.database = SqliteDatabase(
            str(path), pragmas=PRAGMAS, timeout=BUSY_SECONDS, cached_statements=512
        )
        self.database.register_function(fold, "fold", 1, deterministic=True)

    def run(self, statement: Statement, **values: Any) -> Any:
        """Execute a statement and return its cursor; rows are tuples."""
        sql, parameters = statement.bind(self.database, values)
        return self.database.execute_sql(sql, parameters)

    def row(self, statement: Statement, **values: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found: tuple[Any, ...] | None = self.run(statement, **values).fetchone()
        return found

    def rows(self, statement: Statement, **values: Any) -> Sequence[tuple[Any, ...]]:
        """All rows."""
        found: Sequence[tuple[Any, ...]] = self.run(statement, **values).fetchall()
        return found

    def transact(self, work: Callable[[], Result]) -> Result:
        """Run `work` in one write transaction: all of it is kept, durably, or none.

        One writer at a time: SQLite has one write lock, and waiting for it in Python is fair and
        quick, whereas its busy handler polls (longest wait 149 ms against 1,234 ms).
        """
        with self.lock, self.database.atomic("IMMEDIATE"):
            return work()

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

    def close(self) -> None:
        """Close this thread's connection."""
        if not self.database.is_closed():
            self.database.close()


def fold(text: Any) -> Any:
    """`wire.fold` for SQL; what is no text passes through."""
    return wire.fold(text) if isinstance(text, str) else text
