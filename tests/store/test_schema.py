"""The tables: as the newest migration leaves them, as the code reads them, as the states want them."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

import generator.store.migrations
from generator.errors import StoreConflict
from generator.store.database import Database
from generator.store.following import ADDING
from generator.store.ledger import Ledger
from generator.store.lookups import _LONGEST
from generator.store.migrations import HEAD, VERSION_TABLE, VERSIONS
from generator.store.schema import check_schema
from generator.store.states import TRANSITIONS, State
from generator.store.tables import OWN
from tests.store.rows import accept, beginnings, count, insert_raw, set_state, ways

FOLDER = Path(generator.store.migrations.__file__).parent / "versions"


def test_the_newest_migration_leaves_the_tables_that_the_code_reads(database: Database) -> None:
    """Alembic finds no difference, in columns, types, defaults, indexes and constraints."""

    def compare(connection: Connection) -> list[object]:
        options: dict[str, object] = {"compare_type": True, "version_table": VERSION_TABLE}
        options["compare_server_default"] = _differ if database.is_sqlite else True
        options["include_name"] = lambda name, kind, _: kind != "table" or str(name).startswith("revstamp_")
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), OWN))

    assert database.read(compare) == []
    assert check_schema(database).is_current


def _differ(*given: object) -> bool:
    """Whether two defaults differ, as SQLite writes them: Alembic takes an empty text for none."""
    found, wanted = given[3], given[5]
    return str(found or "").strip("()'") != str(wanted or "").strip("'")


def test_every_version_has_one_file_and_follows_the_one_before() -> None:
    """`VERSIONS` and `HEAD` say what lies in the folder."""
    files = sorted(FOLDER.glob("v*.py"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    assert tuple(re.search(r'^revision = "(\d+)"', each, re.M)[1] for each in texts) == VERSIONS  # type: ignore[index]
    before = [re.search(r'^down_revision = (?:"(\d+)"|None)', each, re.M)[1] for each in texts]  # type: ignore[index]
    assert before == [None, *VERSIONS[:-1]]
    assert [path.name[1:5] for path in files] == list(VERSIONS)
    assert VERSIONS[-1] == HEAD


def test_all_tables_are_named_after_revstamp_and_refer_to_no_other() -> None:
    """The platform's tables can be told from them, and be dropped and restored without them."""
    for name, table in OWN.tables.items():
        assert name.startswith("revstamp_")
        assert all(key.column.table.name.startswith("revstamp_") for key in table.foreign_keys)


def test_the_lock_of_the_migration_is_the_one_that_is_asked_for() -> None:
    """Or events would be overtaken."""
    assert f"_LOCK = {ADDING:#x}" in (FOLDER / "v0003_event_order.py").read_text(encoding="utf-8")


def test_lengths_that_are_checked_are_those_of_the_columns() -> None:
    """A name is refused in words before the database refuses it."""
    columns = OWN.tables["revstamp_redeployments"].c
    assert {name: columns[name].type.length for name in _LONGEST} == _LONGEST  # type: ignore[attr-defined]


def test_a_row_begins_only_as_the_states_allow(database: Database) -> None:
    """In SQL, whoever writes it: every state with every kind."""
    for number, (state, kind, may_begin) in enumerate(beginnings()):
        if may_begin:
            assert insert_raw(database, state, kind, f"raw-{number}")
        else:
            with pytest.raises(StoreConflict, match="begin"):
                insert_raw(database, state, kind, f"raw-{number}")


@pytest.mark.parametrize("before", State)
def test_a_state_is_followed_only_by_what_may_follow(database: Database, before: State) -> None:
    """In SQL, whoever writes it: every state after this one. Staying is no step."""
    for number, after in enumerate(State):
        row_id = insert_raw(database, ways()[before][0], endpoint=f"raw-{number}")
        for step in ways()[before][1:]:
            set_state(database, row_id, step)
        if after in TRANSITIONS[before] or after is before:
            set_state(database, row_id, after)
        else:
            with pytest.raises(StoreConflict, match="follow"):
                set_state(database, row_id, after)


def test_no_other_word_is_a_state_or_a_kind(database: Database) -> None:
    """The checks of the table."""
    row_id = insert_raw(database, State.PENDING)
    for column in ("state", "kind"):
        query = text(f"UPDATE revstamp_redeployments SET {column} = 'another' WHERE id = :id")
        with pytest.raises(StoreConflict):
            database.write(lambda connection, query=query: connection.execute(query, {"id": row_id}))  # type: ignore[misc]


def test_events_are_never_changed(ledger: Ledger, database: Database) -> None:
    """Not even by SQL; they go only with their row, or by retention."""
    row = accept(ledger)
    with pytest.raises(StoreConflict, match="never changed"):
        database.write(
            lambda connection: connection.execute(text("UPDATE revstamp_redeployment_events SET name = 'x'"))
        )
    assert count(database, "revstamp_redeployment_events") == 1
    gone = text("DELETE FROM revstamp_redeployments WHERE id = :id")
    database.write(lambda connection: connection.execute(gone, {"id": row.id}))
    assert count(database, "revstamp_redeployment_events") == 0


def test_two_rows_of_an_endpoint_never_hold_its_lock(database: Database) -> None:
    """Every pair of states: the second is kept out exactly where both hold it on their way, or both are proposed."""

    def make(endpoint: str, state: State) -> None:
        row_id = insert_raw(database, ways()[state][0], endpoint=endpoint)
        for step in ways()[state][1:]:
            set_state(database, row_id, step)

    for first, second in product(State, State):
        endpoint = f"{first.value}-{second.value}"
        make(endpoint, first)
        holds = any(state.holds_lock for state in ways()[second])
        if (first.holds_lock and holds) or (first is State.PROPOSED and first in ways()[second]):
            with pytest.raises(StoreConflict):
                make(endpoint, second)
        else:
            make(endpoint, second)
