"""The database engine: connections, compiled statements, write transactions.

What only SQLite has is in `sqlite`; others speak of it in the words of `dialect`.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from promapp_lite.store.engine import sqlite
from promapp_lite.store.engine.group_commit import Block, CommitUncertain, Writer
from promapp_lite.store.engine.sqlite import DB_ERRORS, QueryTimeout
from promapp_lite.store.engine.statement import Statement, param

__all__ = ["DB_ERRORS", "CommitUncertain", "QueryTimeout", "Statement", "Store", "param"]


class Store:
    """An open database. Reads run at once on the thread's own connection, writes inside `write()`.

    All threads write on one connection: another would have to re-read the pages that this one wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = sqlite.connect(path)
        self.writer = sqlite.connect(path, thread_safe=False)
        self.writing = Writer(self.writer, path)
        self.behind = True  # activity was written here that may not be indexed yet, see `activity.indexer`
        self.untouched: dict[int, str] = {}  # when a token's use could not be written, see `access.tokens`
        self.searches: Counter[tuple[str, str]] = Counter()  # see `directory.indexes`

    def run(self, statement: Statement, **values: Any) -> Any:
        """Execute a statement and return its cursor; rows are tuples."""
        database = self.here
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

    def select(self, query: Any) -> list[tuple[Any, ...]]:
        """The rows of a Peewee query that is built each time: of all but the hot ones, see `Statement`."""
        found: list[tuple[Any, ...]] = self.here.execute(query).fetchall()
        return found

    def first(self, query: Any) -> tuple[Any, ...] | None:
        """The first row of such a query, or None."""
        found = self.select(query.limit(1))
        return found[0] if found else None

    def execute(self, query: Any) -> int:
        """Execute such a query that writes, inside a block; how many rows it changed."""
        changed: int = self.here.execute(query).rowcount
        return changed

    def index_names(self, prefix: str) -> set[str]:
        """The indexes whose names begin so."""
        return sqlite.index_names(self.here, prefix)

    def drop_index(self, name: str) -> None:
        """Drop an index."""
        sqlite.drop_index(self.here, name)

    @property
    def here(self) -> sqlite.Database:
        """The database by the connection of this thread: the writer's inside a block."""
        return self.writer if self.writing.is_mine else self.database

    def write(self) -> Block:
        """A block that writes: all of it is kept, durably, once it is left, or none where it raises.

        Within another block it is part of that. What cannot be kept is raised where the block is left.
        """
        return Block(self.writing)

    def prove_writable(self) -> None:
        """Commit something that nobody reads, and fold a log that has grown; one of DB_ERRORS otherwise."""
        with self.write():
            sqlite.touch(self.writer)
        self.writing.look_after()

    @property
    def waiting(self) -> int:
        """How many threads wait for their turn to write."""
        return len(self.writing.waiting)

    def limited(self, seconds: float) -> AbstractContextManager[None]:
        """A block whose reads are broken off after that time: QueryTimeout is raised."""
        return sqlite.deadline(self.database, seconds)

    def snapshot(self) -> AbstractContextManager[Any]:
        """A block whose reads see the same state."""
        found: AbstractContextManager[Any] = sqlite.snapshot(self.database)
        return found

    def disconnect(self) -> None:
        """Close this thread's connection; it opens again when it is used."""
        self.database.close()

    def close(self) -> None:
        """Close every connection, so that SQLite checkpoints the WAL, unless another program is connected."""
        self.writing.close()
        self.database.close_all()
