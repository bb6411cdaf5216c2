"""SQLite: its connections, its files, and its words for what engines write in their own way (`dialect`)."""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any
from weakref import WeakSet

from peewee import SQL, Case, DatabaseError, Expression, SqliteDatabase, fn

from promapp_lite.errors import UserError
from promapp_lite.text import fold

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # an acknowledged write survives a power cut
    "foreign_keys": 1,
    "cache_size": -4_000,  # KiB for each connection; the system keeps the file in memory besides
    "temp_store": "memory",
    "journal_size_limit": 4 * 1024**2,  # bytes of the log that stay, once a large transaction is folded
}
VERSION = sqlite3.sqlite_version
LOG_BYTES = 8 * 1024**2  # beyond which the log has not been folded as it should have been
BUSY_SECONDS = 10
STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock, about a millisecond
LOGS = ("-wal", "-shm")  # the files beside a database

# What the engine raises: wrapped by Peewee while a statement begins, plain while its rows are fetched.
DB_ERRORS = (DatabaseError, sqlite3.DatabaseError)


class QueryTimeout(Exception):
    """A read took longer than it may."""


class Connection(sqlite3.Connection):
    """A connection that is closed with the thread it belongs to."""

    def __del__(self) -> None:
        with contextlib.suppress(BaseException):  # Python drops a signal's exception here, and prints it
            self.close()


class Database(SqliteDatabase):
    """A database that knows the connections of all its threads, as the last one closed folds the log."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.connections: WeakSet[Connection] = WeakSet()
        place = uri(path.resolve(), "rw")  # a file that has gone is not made anew, empty
        super().__init__(place, uri=True, factory=Connection, check_same_thread=False, **options)

    def _connect(self) -> Connection:
        made: Connection = super()._connect()  # type: ignore[misc]
        self.connections.add(made)
        return made

    def close_all(self) -> None:
        """Close the connections of every thread; none may be at work."""
        self.close()
        for each in list(self.connections):
            each.close()


def connect(path: Path, **options: Any) -> Database:
    """A database that opens its connections as this program wants them."""
    database = Database(path, pragmas=PRAGMAS, timeout=BUSY_SECONDS, cached_statements=512, **options)
    with_functions(database)
    return database


def uri(file: PurePath, mode: str) -> str:
    """How SQLite is asked to open a file: `ro`, `rw`, or `rwc`, which also creates it.

    It takes no server in a URI (https://sqlite.org/uri.html), so that of a network share goes into the path.
    """
    return f"{re.sub('^file://(?=[^/])', 'file:////', file.as_uri())}?mode={mode}"


def read_only(file: Path) -> SqliteDatabase:
    """The database in a file, which is only read."""
    return with_functions(SqliteDatabase(uri(file.resolve(), "ro"), uri=True))


def offline(file: Path) -> SqliteDatabase:
    """The database in a file that nobody else has open: quick, and not durable before it is synced."""
    pragmas = {"journal_mode": "off", "synchronous": "off"}
    return with_functions(SqliteDatabase(uri(file.resolve(), "rwc"), uri=True, pragmas=pragmas))


def with_functions(database: SqliteDatabase) -> SqliteDatabase:
    """The database, which knows the functions that its indexes are made with."""
    database.register_function(fold_value, "fold", 1, deterministic=True)
    return database


def fold_value(text: Any) -> Any:
    """`fold` for SQL; what is no text passes through."""
    return fold(text) if isinstance(text, str) else text


@contextlib.contextmanager
def deadline(database: SqliteDatabase, seconds: float) -> Iterator[None]:
    """Reads that are broken off after that time: QueryTimeout is raised."""
    connection, end = database.connection(), time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        yield
    except DB_ERRORS as error:
        if "interrupted" not in str(error):
            raise
        raise QueryTimeout from None
    finally:
        connection.set_progress_handler(None, STEPS)


def snapshot(database: SqliteDatabase) -> Any:
    """A block whose reads see the same state."""
    return database.atomic()


def copy_into(database: SqliteDatabase, target: Path) -> None:
    """Copy one state of the database into an empty file, however busy it is.

    A copy of the file would miss what is in the log beside it; the stepwise backup never ends under writes.
    """
    database.execute_sql("VACUUM INTO ?", (str(target),))


def copy_rows(source: Path, target: SqliteDatabase, left_out: str) -> None:
    """Copy the rows of all tables of the target but one from a file; one of DB_ERRORS for any other schema.

    Nothing else comes along: a trigger or view in a backup would act on the service's behalf.
    """
    own = tables(target)
    target.attach(uri(source.resolve(), "ro"), "source")
    for kind, name in foreign(target, own):
        raise DatabaseError(f"it holds the {kind} {name!r}, which no backup of promapp-lite has")
    with target.atomic():
        for name, columns in own.items():
            if name != left_out:
                kept = ", ".join(f'"{column}"' for column in columns)
                read = ", ".join(f'given."{column}"' for column in columns)  # unqualified could be a string
                target.execute_sql(
                    f'INSERT INTO main."{name}" ({kept}) SELECT {read} FROM source."{name}" AS given'  # noqa: S608
                )
    target.detach("source")


def tables(database: SqliteDatabase) -> dict[str, list[str]]:
    """The columns of each table."""
    rows = database.execute_sql(
        "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows.fetchall():
        found.setdefault(table, []).append(column)
    return found


def foreign(database: SqliteDatabase, own: Iterable[str]) -> list[tuple[str, str]]:
    """What the attached source holds besides tables of these names, indexes, and SQLite's statistics."""
    rows = database.execute_sql("SELECT type, name, sql FROM source.sqlite_master ORDER BY type, name")
    return [
        (kind, name)
        for kind, name, sql in rows.fetchall()
        if not (kind == "index" or (kind == "table" and (name in own or name.startswith("sqlite_"))))
        or (sql or "").upper().startswith("CREATE VIRTUAL")
    ]


def integrity_check(file: Path) -> None:
    """One of DB_ERRORS where SQLite finds a fault in the file."""
    database = read_only(file)
    with database.connection_context():
        found = [row[0] for row in database.execute_sql("PRAGMA integrity_check").fetchall()]
    if found != ["ok"]:
        raise DatabaseError(f"{file} is damaged: {found[0]}")


def is_locked(file: Path, seconds: float) -> bool:
    """Whether another program keeps everybody from writing to the database for so long."""
    with contextlib.closing(sqlite3.connect(file, timeout=seconds)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
    return False


def checkpoint(file: Path) -> None:
    """Bring what is in the log beside a database into it; UserError while others have it open.

    A damaged database is left as it is, with its log.
    """
    connection = sqlite3.connect(file, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError:
        raise UserError(f"{file} is in use by another command: try again when it has finished.") from None
    except sqlite3.DatabaseError:
        return
    finally:
        connection.close()


def left_open(file: Path) -> Path | None:
    """The log beside a database that we have closed: it is there while another program has the database open.

    The last connection to close checkpoints the WAL. A worker that was killed did not, so this does.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file, timeout=5)) as last:
        last.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    log = file.with_name(file.name + "-wal")
    return log if log.exists() else None


def touch(database: SqliteDatabase) -> None:
    """Write something that nobody reads: a number in the file's head."""
    (number,) = database.execute_sql("PRAGMA user_version").fetchone()
    database.execute_sql(f"PRAGMA user_version = {(number + 1) % 1_000_000}")


def fold_log(database: SqliteDatabase) -> None:
    """Bring the log into the database as far as nobody reads it; one of DB_ERRORS where that fails."""
    database.execute_sql("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def index_names(database: SqliteDatabase, prefix: str) -> set[str]:
    """The indexes whose names begin so."""
    names = database.execute_sql("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    return {name for (name,) in names if name.startswith(prefix)}


def drop_index(database: SqliteDatabase, name: str) -> None:
    """Drop an index."""
    database.execute_sql('DROP INDEX "{}"'.format(name.replace('"', '""')))


TYPES = {"list": ("array",), "string": ("text",), "number": ("integer", "real")}  # JSON's word, SQLite's


def place(names: tuple[str, ...]) -> str:
    """A place in a document; its names come from a schema, never from a request."""
    return "$" + "".join(f'."{name}"' for name in names)


def each(value: Any, names: tuple[str, ...]) -> Any:
    """Rows with key, value and type."""
    return fn.json_each(value, place(names)) if names else fn.json_each(value)


def element(rows: str) -> Any:
    """The value of a row."""
    return SQL(f"{rows}.value")


def key(rows: str) -> Any:
    """The key of a row."""
    return SQL(f"{rows}.key")


def item(rows: str, number: int) -> Any:
    """A value in the list of a row."""
    return fn.json_extract(element(rows), f"$[{number}]")


def is_type(rows: str, types: tuple[str, ...]) -> Any:
    """The type of a row among others."""
    words = tuple(word for name in types for word in TYPES.get(name, (name,)))
    found = SQL(f"{rows}.type")
    return found == words[0] if len(words) == 1 else found.in_(words)


def extract(value: Any, names: tuple[str, ...]) -> Any:
    """The place is a literal, or no index made of the expression would be used."""
    return fn.json_extract(value, SQL("'" + place(names).replace("'", "''") + "'"))


def as_object(rows: str, name: str) -> Any:
    """The value of a row as an object."""
    other = fn.json_object(name, element(rows)) if name else "{}"
    return Case(None, ((SQL(f"{rows}.type") == "object", element(rows)),), other)


def as_list(rows: str) -> Any:
    """The value of a row as a list."""
    return SQL(
        f"CASE {rows}.type WHEN 'array' THEN {rows}.value WHEN 'object' THEN '[' || {rows}.value || ']' "
        f"WHEN 'true' THEN '[true]' WHEN 'false' THEN '[false]' ELSE json_array({rows}.value) END"
    )


def list_of(value: Any) -> Any:
    """The values of all rows."""
    return fn.json_group_array(value)


def folded(value: Any) -> Any:
    """By the function that `with_functions` gives each connection."""
    return fn.fold(value)


def contains(text: Any, part: Any) -> Any:
    """The place of the part is one."""
    return fn.instr(text, part) > 0


def by_code_point(text: Any) -> Any:
    """As SQLite compares any text."""
    return text


def untrue(condition: Any) -> Any:
    """Neither nested nor called, as SQLite's parser takes little depth."""
    return Expression(condition, "IS NOT", SQL("TRUE"))
