"""What is asked at every redeploy is answered by an index, however many rows there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from generator.store.database import Database
from generator.store.lookups import find_active, find_by_request, find_highest, find_proposed, find_repeated
from generator.store.queries import LedgerQueries
from generator.store.schema import upgrade_schema
from tests.store.rows import a_wish

ASKED: dict[str, Callable[[Connection], Any]] = {
    "active": lambda connection: find_active(connection, "prod", "chat"),
    "proposed": lambda connection: find_proposed(connection, "prod", "chat"),
    "repeated": lambda connection: find_repeated(connection, a_wish()),
    "repeated by key": lambda connection: find_repeated(connection, a_wish(idempotency_key="k")),
    "by request": lambda connection: find_by_request(connection, "prod", "chat", "r"),
    "highest": lambda connection: find_highest(connection, "prod", "chat"),
}


def plans(database: Database, work: Callable[[], Any]) -> list[str]:
    """How SQLite goes about each statement of some work."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    work()
    event.remove(database.engine, "before_cursor_execute", note)
    selects = [(statement, parameters) for statement, parameters in found if statement.startswith("SELECT")]

    def explain(connection: Connection) -> list[str]:
        asked = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given) for text, given in selects)
        return [str(row[3]) for rows in asked for row in rows]

    return database.read(explain)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """SQLite, which needs more help than PostgreSQL to find a partial index."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'ledger.db'}")
    upgrade_schema(database)
    return database


@pytest.mark.parametrize("name", ASKED)
def test_a_look_up_reads_no_whole_table(database: Database, name: str) -> None:
    """Each step of the plan searches by an index."""
    steps = plans(database, lambda: database.read(ASKED[name]))
    assert any("USING INDEX" in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN")], steps


def test_lists_of_the_worker_read_no_whole_table(database: Database) -> None:
    """All without a verdict, the newest that was committed, the events of one."""
    queries = LedgerQueries(database)
    for ask in (queries.unsettled, lambda: queries.latest_committed("prod", "chat"), lambda: queries.events(1)):
        steps = plans(database, ask)
        assert steps
        assert not [step for step in steps if step.startswith("SCAN")], steps
