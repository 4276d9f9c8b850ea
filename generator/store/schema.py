"""Bringing a database to the tables of this revstamp, and saying how far it is from them.

Owns: the migrations' order, the check of the version, and when the platform's tables are made. Refuses: downgrades,
and changing anything that the platform made.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from generator.errors import StoreNewer, StoreOutdated
from generator.store.database import Database
from generator.store.migrations import HEAD, VERSION_TABLE, VERSIONS
from generator.store.platform_tables import PLATFORM

_LOCK = 0x7265767374616D70
"""PostgreSQL's advisory lock for migrations: two that start at once wait for each other, however long it takes."""

_PATIENCE = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
_LOCK_SECONDS = "SET LOCAL lock_timeout = '10s'"
"""A change of a table waits no longer than this for whoever reads it: all others wait behind it."""

_THREADS = threading.Lock()
"""Alembic keeps what it works on in globals."""

_ANY_TABLE = text(
    "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE relkind IN "
    "('r', 'p', 'v', 'm', 'f') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%')"
)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Which version the tables are of; empty where there are none. `platform`: whether all its tables are there."""

    version: str
    platform: bool
    missing: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether this revstamp can work with it."""
        return self.version == HEAD


def read_schema(database: Database) -> SchemaState:
    """How the database stands; nothing is changed."""
    return database.read(_read_state)


def check_schema(database: Database) -> SchemaState:
    """The same. StoreOutdated or StoreNewer where this revstamp cannot work with it."""
    state = read_schema(database)
    if not state.version:
        raise StoreOutdated(f"the database {database.label} has no tables of revstamp")
    if state.version not in VERSIONS:
        raise StoreNewer(f"the tables in {database.label} are of version {state.version}, this revstamp knows {HEAD}")
    if not state.is_current:
        raise StoreOutdated(f"the tables in {database.label} are of version {state.version}, needed is {HEAD}")
    return state


def upgrade_schema(database: Database, to: str = HEAD) -> tuple[str, str]:
    """Bring revstamp's tables forward; the versions before and after. Running it twice is harmless.

    In a database that holds nothing at all the platform's tables are made too.
    """

    def work(connection: Connection) -> str:
        if not database.is_sqlite:
            connection.execute(text(_PATIENCE))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(text(_LOCK_SECONDS))
        before = _read_state(connection).version
        if before and before not in VERSIONS:
            raise StoreNewer(f"the tables in {database.label} are of version {before}, this revstamp knows {HEAD}")
        if _is_empty(connection):
            PLATFORM.create_all(connection)
        if before < to:
            _run_migrations(connection, to)
        return before

    with _THREADS:
        before = database.write(work)
    return before, max(before, to)


def _is_empty(connection: Connection) -> bool:
    """Whether there is no table and no view of anybody's, in any schema."""
    if connection.dialect.name == "sqlite":
        inspector = inspect(connection)
        return not inspector.get_table_names() and not inspector.get_view_names()
    return not connection.execute(_ANY_TABLE).scalar()


def _run_migrations(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _read_state(connection: Connection) -> SchemaState:
    names = set(inspect(connection).get_table_names())
    version = ""
    if VERSION_TABLE in names:
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or ""  # noqa: S608
    missing = tuple(sorted(set(PLATFORM.tables) - names))
    return SchemaState(str(version), not missing, missing)
