"""A lost connection, a lost answer, a server that crashes: nothing is lost by them, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from generator.errors import (
    InvalidInput,
    RevstampError,
)
from generator.store.database import Database
from generator.store.ledger import Ledger
from generator.store.redeployment import Note
from generator.store.schema import upgrade_schema
from generator.store.states import State
from tests.store.rows import a_wish, accept, count
from tests.testbed.postgres import PostgresServer


class Broken:
    """A database whose commits fail, before or after they are done, as often as is said."""

    def __init__(self, database: Database, *, after: bool, times: int) -> None:
        self.left, self.after = times, after
        engine: Any = database.engine
        dialect = engine.dialect
        self._commit = dialect.do_commit
        dialect.do_commit = self.commit

    def commit(self, connection: Any) -> None:
        """The connection is lost before the answer comes."""
        if self.left > 0:
            self.left -= 1
            if self.after:
                self._commit(connection)
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("database is locked"))
        self._commit(connection)


WRITES: dict[str, Callable[[Ledger], Any]] = {
    "accept": lambda ledger: ledger.accept(a_wish())[0],
    "refuse": lambda ledger: ledger.refuse(a_wish(), "no"),
    "found": lambda ledger: ledger.record_found(a_wish(), 1, 1, "c"),
}


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("write", WRITES)
def test_a_lost_answer_loses_and_doubles_nothing(database: Database, write: str, after: bool) -> None:
    """Whether the commit was done or not."""
    broken = Broken(database, after=after, times=2)
    WRITES[write](Ledger(database))
    assert broken.left == 0
    assert count(database, "revstamp_redeployments") == 1
    assert count(database, "revstamp_redeployment_events") == 1


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
def test_events_are_told_once_though_the_answer_is_lost(database: Database, after: bool) -> None:
    """Of notes, changes and steps; a claim stays ours."""
    ledger = Ledger(database)
    row = accept(ledger)
    Broken(database, after=after, times=1)
    ledger.note(row.id, Note("a"))
    Broken(database, after=after, times=1)
    assert ledger.change(row, {"message": "x"}, Note("b"))
    Broken(database, after=after, times=1)
    assert ledger.claim(row, "one", 60)
    Broken(database, after=after, times=1)
    ledger.move(row, State.COMMITTED, Note("c"))
    assert count(database, "revstamp_redeployment_events") == 4


def test_what_does_not_pass_is_not_tried_again(database: Database) -> None:
    """An error of ours that waiting does not cure comes through at once."""
    calls = []

    def work(_: Connection) -> None:
        calls.append(1)
        raise InvalidInput("no")

    with pytest.raises(RevstampError):
        database.write(work)
    assert len(calls) == 1


@pytest.mark.testbed
@pytest.mark.sweep
def test_a_postgresql_that_crashes_among_writes_loses_and_doubles_nothing(database_of_its_own: PostgresServer) -> None:
    """A server process is killed again and again: the server ends all connections and recovers meanwhile."""
    url = f"{database_of_its_own.url()}?options=-csynchronous_commit%3Don"
    database = Database(url, retry_seconds=120)
    upgrade_schema(database)
    writers, each, done = 4, 25, SimpleQueue[int]()

    def write(number: int) -> None:
        ledger = Ledger(database)
        for turn in range(each):
            row = ledger.accept(a_wish(f"e{number}", request_id=f"{number}-{turn}"))[0]
            ledger.note(row.id, Note("phase"))
            ledger.move(row, State.HEALTHY, Note("healthy"))
            done.put(number)

    with ThreadPoolExecutor(writers) as pool:
        futures = [pool.submit(write, number) for number in range(writers)]
        for finished in range(writers * each):
            done.get(timeout=120)
            if finished in (10, 40, 70):
                pid = database.read(lambda connection: connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
                os.kill(pid, signal.SIGKILL)
        for future in futures:
            future.result()
    names = text("SELECT name, count(*) AS number FROM revstamp_redeployment_events GROUP BY name")
    found = database.read(lambda connection: {row.name: row.number for row in connection.execute(names)})
    assert found == dict.fromkeys(("accepted", "phase", "healthy"), writers * each)
    assert count(database, "revstamp_redeployments") == writers * each
    database.close()
