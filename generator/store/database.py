"""One database: SQLite or PostgreSQL, reached by a URL.

Owns: connections, transactions, and trying a transaction again where that may help. Refuses: tables, and the words of
what goes wrong (`failures`).
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from generator.errors import InvalidInput, RevstampError, StorageFailed
from generator.store.failures import explain_failure, explain_value
from generator.store.words import read_json, write_json

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""How long a transaction is tried again that failed for something that passes."""

_IMMEDIATE = "revstamp_immediate"
_BUSY_SECONDS = 30
"""How long a connection to SQLite waits for whoever is writing. Its waiting is not fair: many writers need patience."""

_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 16, "pool_timeout": 10}
_READERS = 2
"""Threads that read a SQLite database at a time."""
_JSON: dict[str, Any] = {"json_serializer": write_json, "json_deserializer": read_json}
_POSTGRES = "-c timezone=UTC -c statement_timeout=30000 -c lock_timeout=10000"
"""Of every connection; what the URL says in `options` comes after it, and so before it."""


class Database:
    """Shared by threads. Nothing is connected to before the first transaction."""

    def __init__(self, url: str, *, retry_seconds: float = RETRY_SECONDS) -> None:
        """`url`: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`. InvalidInput where it is neither."""
        self._url = read_url(url)
        self._retry_seconds = retry_seconds
        self.engine = _make_engine(self._url)
        self._turns = (threading.BoundedSemaphore(_READERS), threading.BoundedSemaphore(1))
        self._mine = threading.local()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file on this machine."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def label(self) -> str:
        """The URL without its passwords, for people."""
        hidden = {key: "***" for key in self._url.query if "pass" in key.lower()}
        shown = self._url.update_query_dict(hidden).render_as_string(hide_password=True)
        return shown.replace("+psycopg", "").replace("+pysqlite", "")

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for PostgreSQL, and for a file that is named by a URI of SQLite's."""
        name = str(self._url.database)
        return Path(name) if self.is_sqlite and not name.startswith("file:") else None

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction that only reads; tried again where that may help."""
        return self._repeat(work, immediate=False)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction and commit it.

        It may be run again also where an earlier run was committed and the answer was lost: what it does must be
        recognizable as done.
        """
        return self._repeat(work, immediate=True)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees the database at one moment, for reading much; not tried again."""
        try:
            with self.engine.connect() as connection:
                if not self.is_sqlite:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            raise explain_failure(error, self.label) from error

    def close(self) -> None:
        """Give up all connections."""
        self.engine.dispose()

    def _repeat(self, work: Callable[[Connection], T], *, immediate: bool) -> T:
        deadline = time.monotonic() + self._retry_seconds
        pause = 0.02
        while True:
            try:
                with self._turn(immediate), self._transaction(immediate) as connection:
                    return work(connection)
            except RevstampError as error:
                if not getattr(error, "passes", False) or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - a pause
            pause = min(1.0, pause * 2)

    @contextmanager
    def _turn(self, immediate: bool) -> Iterator[None]:
        """On SQLite, wait in line within this process, and with no connection in hand.

        Its writers sleep and look again, whoever came first; its readers let go of Python's lock at every row, so that
        many of them spend their time handing it to each other.
        """
        if not self.is_sqlite or getattr(self._mine, "is_taken", False):
            yield
            return
        with self._turns[immediate]:
            self._mine.is_taken = True
            try:
                yield
            finally:
                self._mine.is_taken = False

    @contextmanager
    def _transaction(self, immediate: bool) -> Iterator[Connection]:
        try:
            with self.engine.connect().execution_options(**{_IMMEDIATE: immediate}) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise explain_failure(error, self.label) from error
        except (UnicodeEncodeError, OverflowError) as error:  # the drivers' own, before anything is sent
            raise explain_value(error, self.label) from error


def once(work: Callable[[Connection, bool], T]) -> Callable[[Connection], T]:
    """A function for `write` that is told whether it is run again, so that it can look for what it has done."""
    runs = itertools.count()
    return lambda connection: work(connection, next(runs) > 0)


def read_url(text: str) -> URL:
    """The URL with the driver that is used. InvalidInput where it is of another kind of database.

    What is wrong with a URL is never quoted: a password may stand where it does not belong.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise InvalidInput("the database's URL cannot be understood", hint=_URL_HINT) from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InvalidInput("the database's URL is of no kind of database that revstamp uses", hint=_URL_HINT)
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        raise InvalidInput("the database must be a file: several processes share it", hint=_URL_HINT)
    return url.set(drivername="sqlite+pysqlite")


_URL_HINT = (
    "give sqlite:////path/to/ledger.db, or postgresql://USER:PASSWORD@HOST:5432/NAME "
    "with %40 for an @ and %2F for a / in the password"
)


def _make_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        given = url.query.get("options", "")
        options = " ".join([_POSTGRES, *([given] if isinstance(given, str) else given)]).strip()
        arguments = {"options": options} | ({} if "connect_timeout" in url.query else {"connect_timeout": "10"})
        from generator.store.moments import accept_every_moment  # its driver takes as long as the rest of this room

        engine = create_engine(url, pool_pre_ping=True, connect_args=arguments, **_POOL, **_JSON)
        event.listen(engine, "connect", accept_every_moment)
        return engine
    engine = create_engine(url, poolclass=QueuePool, connect_args={"timeout": _BUSY_SECONDS}, **_POOL, **_JSON)
    event.listen(engine, "do_connect", _make_folder)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(_dialect: Any, _record: Any, arguments: Any, _keywords: Any) -> None:
    """The folder of a file that is made with the first connection."""
    name = str(arguments[0])
    if name.startswith("file:"):
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed.from_os(error) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own transactions would begin too late
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write takes its lock at once: one that reads first could not be granted it later."""
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
