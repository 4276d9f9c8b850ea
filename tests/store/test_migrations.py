"""Databases are brought forward from every version, with what is in them, and beside tables of others."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from generator.errors import StoreError, StoreNewer, StoreOutdated
from generator.store.database import Database
from generator.store.ledger import Ledger, now
from generator.store.migrations import HEAD, VERSIONS
from generator.store.platform import PlatformRows
from generator.store.platform_tables import PLATFORM
from generator.store.queries import Filter, LedgerQueries
from generator.store.schema import check_schema, read_schema, upgrade_schema
from generator.store.states import Kind, State
from generator.store.tables import redeployments
from tests.store.platform_ddl import CATALOGUE, PLAIN, ROWS, VARIANTS
from tests.store.rows import accept, insert_raw, set_state, ways
from tests.testbed.postgres import Database as PostgresDatabase


def run(database: Database, statements: str) -> None:
    """Some statements, one after another."""
    for statement in filter(str.strip, statements.split(";\n")):
        database.write(lambda connection, statement=statement: connection.execute(text(statement)))  # type: ignore[misc]


def old_rows(database: Database) -> list[tuple[Any, ...]]:
    """Columns of the first version, of every row and event."""
    columns = [
        column for column in redeployments.c if column.name in ("id", "request_id", "state", "kind", "created_at")
    ]
    rows = database.read(lambda connection: connection.execute(select(*columns).order_by("id")).all())
    events = text("SELECT id, redeployment_id, name, message FROM revstamp_redeployment_events ORDER BY id")
    return [tuple(row) for row in (*rows, *database.read(lambda connection: connection.execute(events).all()))]


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_everything_is_still_there_after_an_upgrade(empty: Database, version: str) -> None:
    """Rows in every state and of every kind, and their events; new columns have their defaults."""
    assert upgrade_schema(empty, version) == ("", version)
    with pytest.raises(StoreOutdated, match=f"version {version}, needed is {HEAD}"):
        check_schema(empty)
    note = text(
        "INSERT INTO revstamp_redeployment_events (redeployment_id, at, name, message) VALUES (:row, :at, 'n', 'm')"
    )
    for number, (state, kind) in enumerate((state, kind) for state in State for kind in (Kind.REDEPLOY, Kind.BY_HAND)):
        row_id = insert_raw(empty, ways()[state][0], kind, f"e{number}")
        for step in ways()[state][1:]:
            set_state(empty, row_id, step)
        values = {"row": row_id, "at": now().replace(tzinfo=None)}
        empty.write(lambda connection, values=values: connection.execute(note, values))  # type: ignore[misc]
    before = old_rows(empty)
    assert upgrade_schema(empty) == (version, HEAD)
    assert old_rows(empty) == before
    rows = LedgerQueries(empty).page(Filter(), 1000)
    assert {row.state for row in rows} == set(State)
    assert {(row.attempts, row.phase, row.claimed_by) for row in rows} == {(0, None, None)}
    assert accept(Ledger(empty), "e-new", State.HEALTHY)


def test_an_upgrade_that_is_run_again_changes_nothing(empty: Database) -> None:
    """Nor does one to an earlier version."""
    assert read_schema(empty).version == ""
    assert upgrade_schema(empty) == ("", HEAD)
    accept(Ledger(empty))
    before = old_rows(empty)
    assert upgrade_schema(empty) == (HEAD, HEAD)
    assert upgrade_schema(empty, VERSIONS[0]) == (HEAD, HEAD)
    assert old_rows(empty) == before


def test_an_upgrade_that_is_cut_off_leaves_nothing_half_done(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is one transaction, also on SQLite."""
    from generator.store import schema

    def cut_off(connection: Any, to: str) -> None:
        whole(connection, VERSIONS[0])
        raise KeyboardInterrupt

    whole = schema._run_migrations
    monkeypatch.setattr(schema, "_run_migrations", cut_off)
    with pytest.raises(KeyboardInterrupt):
        upgrade_schema(empty)
    monkeypatch.undo()
    assert read_schema(empty).missing == tuple(sorted(PLATFORM.tables))
    assert read_schema(empty).version == ""
    assert upgrade_schema(empty) == ("", HEAD)


def test_an_empty_database_gets_the_platforms_tables_too(empty: Database) -> None:
    """So that a ledger of one's own can be tried without the platform."""
    with pytest.raises(StoreOutdated, match="no tables"):
        check_schema(empty)
    upgrade_schema(empty)
    assert check_schema(empty).platform
    assert PlatformRows(empty).list_endpoints() == []


def test_a_database_of_others_gets_only_revstamps_own(empty: Database) -> None:
    """What is missing of the platform is said where it is needed."""
    run(empty, "CREATE TABLE somebodys (id integer)")
    upgrade_schema(empty)
    state = check_schema(empty)
    assert not state.platform
    assert state.missing == tuple(sorted(PLATFORM.tables))
    with pytest.raises(StoreError, match="has no table model_catalog_entries"):
        PlatformRows(empty).list_endpoints()


@pytest.mark.testbed
def test_a_database_with_something_in_another_schema_is_not_empty(postgres_database: PostgresDatabase) -> None:
    """The platform may have a schema of its own, outside the search path."""
    postgres_database.run_sql("CREATE SCHEMA platform; CREATE TABLE platform.serving_endpoints (id uuid)")
    database = Database(postgres_database.url)
    upgrade_schema(database)
    assert not check_schema(database).platform
    database.close()


@pytest.mark.testbed
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_platforms_tables_are_never_altered(postgres_database: PostgresDatabase, variant: str) -> None:
    """By upgrade, reads and writes; PostgreSQL's catalogue says the same before and after."""
    postgres_database.run_sql(VARIANTS[variant] + ROWS)
    before = postgres_database.run_sql(CATALOGUE)
    database = Database(postgres_database.url)
    upgrade_schema(database)
    assert check_schema(database).platform
    platform = PlatformRows(database)
    (_, endpoint) = platform.list_endpoints()
    assert platform.swap("serving_endpoints", str(endpoint.endpoint["id"]), {}, {"status": "degraded"})
    platform.audit("ann", "serving.redeploy", ("serving_endpoint", "prod/chat"), allowed=True, details={"a": 1})
    upgrade_schema(database)
    database.close()
    assert postgres_database.run_sql(CATALOGUE) == before


def test_a_newer_version_is_left_alone(database: Database) -> None:
    """By the check and by the upgrade."""
    run(database, "UPDATE revstamp_alembic_version SET version_num = '0999'")
    for call in (check_schema, upgrade_schema):
        with pytest.raises(StoreNewer, match="version 0999"):
            call(database)


def test_the_variants_are_variants() -> None:
    """Each replacement finds what it replaces."""
    assert len(set(VARIANTS.values())) == len(VARIANTS)
    assert PLAIN in VARIANTS.values()
