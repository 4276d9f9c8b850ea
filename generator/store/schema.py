"""Bringing a database to the tables of this revstamp, and saying how far it is from them.

Owns: the migrations' order, the check of the version, and when the platform's tables are made. Refuses: downgrades,
and changing anything that the platform made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from generator.errors import StoreNewer, StoreOutdated
from generator.store.database import Database
from generator.store.migrations import HEAD, VERSION_TABLE, VERSIONS
from generator.store.platform_tables import PLATFORM

_LOCK = 0x7265767374616D70
"""PostgreSQL's advisory lock for migrations: two that start at once wait for each other."""


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
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = _read_state(connection).version
        if before and before not in VERSIONS:
            raise StoreNewer(f"the tables in {database.label} are of version {before}, this revstamp knows {HEAD}")
        if not inspect(connection).get_table_names():
            PLATFORM.create_all(connection)
        if before != to:
            _run_migrations(connection, to)
        return before

    return database.write(work), to


def _run_migrations(connection: Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _read_state(connection: Connection) -> SchemaState:
    names = set(inspect(connection).get_table_names())
    version = ""
    if VERSION_TABLE in names:
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or ""  # noqa: S608
    missing = tuple(sorted(set(PLATFORM.tables) - names))
    return SchemaState(str(version), not missing, missing)
