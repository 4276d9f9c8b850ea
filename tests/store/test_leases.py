"""Leases have one holder at a time and a term that counts up; cursors keep what was written last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from generator.store.database import Database
from generator.store.leases import Cursors, Leases
from generator.store.tables import leases as table


class Clocked:
    """Two holders with a clock that is set by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.one, self.two = (Leases(database, name, lambda: self.now) for name in ("one", "two"))

    def read(self) -> tuple[str, int, datetime]:
        """Holder, term, end."""
        query = select(table.c.holder, table.c.term, table.c.expires_at)
        return tuple(self.database.read(lambda connection: connection.execute(query).one()))  # type: ignore[return-value]


@pytest.fixture
def clocked(database: Database) -> Clocked:
    """Two holders of one database."""
    return Clocked(database)


def test_a_lease_is_kept_by_its_holder_and_refused_to_others(clocked: Clocked) -> None:
    """Renewing moves its end, and keeps its term."""
    assert clocked.one.acquire("worker", 10)
    clocked.now += timedelta(seconds=9)
    assert not clocked.two.acquire("worker", 10)
    assert clocked.one.acquire("worker", 10)
    assert clocked.read() == ("one", 1, clocked.now + timedelta(seconds=10))


def test_a_lease_that_has_run_out_goes_to_who_asks_first(clocked: Clocked) -> None:
    """The term counts up; the old holder is refused."""
    assert clocked.one.acquire("worker", 10)
    clocked.now += timedelta(seconds=10)
    assert clocked.two.acquire("worker", 10)
    assert clocked.read()[:2] == ("two", 2)
    assert not clocked.one.acquire("worker", 10)
    clocked.now += timedelta(seconds=11)
    assert clocked.one.acquire("worker", 10)
    assert clocked.read()[:2] == ("one", 3)


def test_a_lease_that_is_given_back_is_free_at_once(clocked: Clocked) -> None:
    """One that is not ours cannot be given back."""
    assert clocked.one.acquire("worker", 10)
    clocked.two.release("worker")
    assert not clocked.two.acquire("worker", 10)
    clocked.one.release("worker")
    assert clocked.two.acquire("worker", 10)


def test_leases_of_other_names_are_free(clocked: Clocked) -> None:
    """Worker and reader are elected apart."""
    assert clocked.one.acquire("worker", 10)
    assert clocked.two.acquire("reader", 10)


def test_a_cursor_says_what_was_written_last(database: Database) -> None:
    """Nothing, before; each name by itself."""
    cursors = Cursors(database)
    assert cursors.read("branch:main") == ""
    cursors.write("branch:main", "a")
    cursors.write("branch:main", "b")
    cursors.write("branch:other", "c")
    assert (cursors.read("branch:main"), cursors.read("branch:other")) == ("b", "c")
