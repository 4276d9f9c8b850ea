"""Whatever a database refuses is one of our errors, says what to do, and never tells a password."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from generator.errors import (
    InvalidInput,
    StorageFailed,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreNewer,
    StoreOutdated,
    StoreReadOnly,
    StoreUnavailable,
)
from generator.store.database import Database, read_url
from generator.store.ledger import Ledger
from generator.store.schema import check_schema, read_schema
from tests.store.rows import accept, count
from tests.testbed.postgres import Database as PostgresDatabase

SECRET = "s3cret-of-mine"


def ask(url: str, work: Callable[[Database], Any] = read_schema, retry_seconds: float = 0.0) -> StoreError:
    """The error that comes of it; with a hint, and without the password."""
    database = Database(url, retry_seconds=retry_seconds)
    try:
        with pytest.raises(StoreError) as caught:
            work(database)
    finally:
        database.close()
    assert caught.value.hint
    assert SECRET not in str(caught.value.to_dict())
    assert caught.value.retryable == caught.value.passes
    assert caught.value.exit_code == 13
    return caught.value


def test_a_url_says_what_is_wrong_with_it_and_nothing_that_stands_in_it() -> None:
    """A password may stand where it does not belong."""
    for url in (
        f"postgresql://u:p@h:{SECRET}/db",
        f"mysql://u:{SECRET}@h/db",
        SECRET,
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
    ):
        with pytest.raises(InvalidInput) as caught:
            read_url(url)
        assert SECRET not in str(caught.value.to_dict())
        assert "postgresql://USER" in caught.value.hint


def test_a_label_hides_every_password() -> None:
    """Also those of the query."""
    database = Database(f"postgresql://u:{SECRET}@h/db?sslpassword={SECRET}&sslmode=require")
    assert SECRET not in database.label
    assert "sslmode=require" in database.label
    assert database.label.startswith("postgresql://u:***@h/db")


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_every_url_of_postgresql_is_taken(name: str) -> None:
    """With the driver that is there."""
    assert read_url(f"{name}://u:p@h/db").drivername == "postgresql+psycopg"


@pytest.mark.testbed
def test_options_of_the_url_are_kept(postgres_database: PostgresDatabase) -> None:
    """Such as a search path."""
    database = Database(f"{postgres_database.url}?options=-csearch_path%3Dpg_temp&connect_timeout=3")
    assert database.read(lambda connection: connection.execute(text("SHOW search_path")).scalar()) == "pg_temp"
    assert database.read(lambda connection: connection.execute(text("SHOW timezone")).scalar()) == "UTC"
    database.close()


# Reaching it


def test_a_server_that_is_not_there_is_unavailable() -> None:
    """Nobody listens, or there is no such machine."""
    for place in ("127.0.0.1:1", "no-such-machine.invalid:5432"):
        error = ask(f"postgresql://u:{SECRET}@{place}/db")
        assert isinstance(error, StoreUnavailable)
        assert "cannot be reached" in error.message


@pytest.mark.testbed
def test_a_wrong_name_or_password_is_said_at_once(postgres_database: PostgresDatabase) -> None:
    """Trying again does not help."""
    url = postgres_database.url
    user, _, rest = url.partition("://")[2].partition(":")
    place = rest.partition("@")[2].partition("/")[0]
    for wrong, words in (
        (f"postgresql://{user}:{SECRET}@{place}/{postgres_database.name}", "does not accept the user or the password"),
        (f"postgresql://{user}@{place}/{postgres_database.name}", "wants a password"),
        (url.rpartition("/")[0] + "/nothing", "does not exist"),
    ):
        error = ask(wrong, retry_seconds=60)
        assert words in error.message
        assert not error.retryable


@pytest.mark.testbed
def test_a_server_that_is_stopped_is_unavailable(database_of_its_own: Any) -> None:
    """Also for a pool that was connected to it."""
    database = Database(database_of_its_own.url(), retry_seconds=0)
    read_schema(database)
    database_of_its_own.stop()
    with pytest.raises(StoreUnavailable):
        read_schema(database)
    database.close()


def test_a_pool_without_a_free_connection_is_unavailable(url: str) -> None:
    """Whoever waits is told so."""
    database = Database(url, retry_seconds=0)
    database.engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    held = [database.engine.connect() for _ in range(24)]
    with pytest.raises(StoreUnavailable, match="no connection became free"):
        read_schema(database)
    for connection in held:
        connection.close()
    assert read_schema(database).is_current
    database.close()


# Writing to it


@pytest.mark.testbed
def test_postgresql_that_takes_no_writes_says_so(postgres_database: PostgresDatabase) -> None:
    """As a standby does."""
    url = f"{postgres_database.url}?options=-cdefault_transaction_read_only%3Don"
    error = ask(url, lambda database: accept(Ledger(database)))
    assert isinstance(error, StoreOutdated)
    postgres_database.run_sql("CREATE TABLE revstamp_redeployments (id integer)")
    database = Database(url)
    with pytest.raises(StoreReadOnly, match="read-only"):
        database.write(lambda connection: connection.execute(text("DELETE FROM revstamp_redeployments")))
    database.close()


def test_sqlite_that_takes_no_writes_says_so(sqlite_template: Path, tmp_path: Path) -> None:
    """A file that is opened for reading only, and a connection that only asks."""
    path = tmp_path / "ledger.db"
    shutil.copy(sqlite_template, path)
    error = ask(f"sqlite:///file:{path}?mode=ro&uri=true", lambda database: accept(Ledger(database)))
    assert isinstance(error, StoreReadOnly)
    assert not (Path.cwd() / "file:").exists()
    database = Database(f"sqlite:///{path}")

    def only_ask(connection: Connection) -> None:
        connection.execute(text("PRAGMA query_only = ON"))
        connection.execute(text("DELETE FROM revstamp_redeployments"))

    with pytest.raises(StoreReadOnly):
        database.write(only_ask)
    database.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """By the operating system's words."""
    (tmp_path / "file").write_text("")
    database = Database(f"sqlite:///{tmp_path / 'file/below/ledger.db'}")
    with pytest.raises(StorageFailed, match="file"):
        read_schema(database)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """It cannot be opened."""
    assert "cannot be opened" in ask(f"sqlite:///{tmp_path}").message


def test_sqlite_without_room_says_so(sqlite_template: Path, tmp_path: Path) -> None:
    """And takes rows again when there is room."""
    path = tmp_path / "full.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}", retry_seconds=0)

    def fill(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))
        for _ in range(200):
            values = "hex(randomblob(99)), hex(randomblob(999)), ''"
            connection.execute(text(f"INSERT INTO revstamp_cursors VALUES ({values})"))

    with pytest.raises(StoreFull) as caught:
        database.write(fill)
    assert "revstamp db prune" in caught.value.hint
    database.close()
    database = Database(f"sqlite:///{path}")
    assert count(database, "revstamp_cursors") == 0
    assert accept(Ledger(database))
    database.close()


def test_sqlite_that_somebody_writes_to_is_unavailable_at_last(sqlite_template: Path, tmp_path: Path) -> None:
    """Whoever waits for longer than a writer may take is told so."""
    path = tmp_path / "held.db"
    shutil.copy(sqlite_template, path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = Database(f"sqlite:///{path}", retry_seconds=0)

    def set_patience(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    event.listen(database.engine, "connect", set_patience)
    with pytest.raises(StoreUnavailable, match="is being written to by somebody else"):
        accept(Ledger(database))
    assert read_schema(database).is_current
    other.execute("ROLLBACK")
    assert accept(Ledger(database))
    database.close()
    other.close()


# What is in it


def test_a_damaged_file_is_said_to_be_one(sqlite_template: Path, tmp_path: Path) -> None:
    """Another kind of file, and a database with a hole in it."""
    path = tmp_path / "text.db"
    path.write_text("this is a text\n" * 100)
    assert "is not a SQLite database" in ask(f"sqlite:///{path}").message
    content = bytearray(sqlite_template.read_bytes())
    content[4096 : len(content)] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert "damaged" in ask(f"sqlite:///{path}", lambda database: accept(Ledger(database))).message


def test_missing_tables_and_columns_ask_for_an_upgrade(empty: Database) -> None:
    """Where nobody checked before."""
    with pytest.raises(StoreOutdated, match="lacks a table") as caught:
        accept(Ledger(empty))
    assert "revstamp db upgrade" in caught.value.hint


def test_a_newer_database_is_said_to_be_newer(database: Database) -> None:
    """With both versions."""
    database.write(lambda connection: connection.execute(text("UPDATE revstamp_alembic_version SET version_num = '9'")))
    with pytest.raises(StoreNewer, match="are of version 9, this revstamp knows"):
        check_schema(database)


def test_a_value_that_does_not_fit_is_no_outage(ledger: Ledger, database: Database) -> None:
    """It is said at once, without the value."""
    row = accept(ledger)
    values = [{"revision": 2**70}, {"base_commit": "\ud800"}]
    for given in values:
        with pytest.raises(StoreConflict) as caught:
            ledger.change(row, given)
        assert "does not take a value" in caught.value.message
