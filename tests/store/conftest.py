"""Databases for the tests of the store: `database` with all tables, `empty` with none, each as SQLite and PostgreSQL.

Owns: making them from templates, and leaving nothing behind. Refuses: rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.store.database import Database
from generator.store.ledger import Ledger
from generator.store.queries import LedgerQueries
from generator.store.schema import upgrade_schema
from tests.testbed.postgres import Database as PostgresDatabase
from tests.testbed.postgres import PostgresServer, find_binaries

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.testbed)]


def upgrade_url(url: str) -> None:
    """All tables, at a URL."""
    database = Database(url)
    upgrade_schema(database)
    database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables."""
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    upgrade_url(f"sqlite:///{path}")
    return path


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a database with all tables is, and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    template = server.prepare_template("ledger", lambda made: upgrade_url(made.url))
    made = server.create_database(template)
    yield made.url
    server.drop_database(made)


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database is, or can be made, that holds nothing."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    made: PostgresDatabase = request.getfixturevalue("postgres_database")
    return made.url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with all tables."""
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without a table."""
    database = Database(empty_url)
    yield database
    database.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """The ledger in it."""
    return Ledger(database)


@pytest.fixture
def queries(database: Database) -> LedgerQueries:
    """Its reads."""
    return LedgerQueries(database)


@pytest.fixture
def database_of_its_own(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A PostgreSQL that a test may stop."""
    binaries = find_binaries()
    assert binaries is not None
    server = PostgresServer(binaries)
    yield server
    server.stop()
