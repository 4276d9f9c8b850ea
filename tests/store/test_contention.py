"""The lock on an endpoint holds, whoever hammers it, and nobody is told anything but who runs."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from typing import Any

import pytest

from generator.errors import AlreadyRunning
from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.leases import Leases
from generator.store.ledger import Ledger, now
from generator.store.migrations import HEAD
from generator.store.queries import Filter, LedgerQueries
from generator.store.redeployment import Note
from generator.store.schema import check_schema, upgrade_schema
from generator.store.states import Kind, State
from tests.store.rows import a_wish

pytestmark = pytest.mark.sweep

PROCESSES = 32
ROUNDS = 6
STEPS = (State.COMMITTED, State.APPLIED, State.PROGRESSING, State.HEALTHY)


def in_processes(work: Callable[[int], Any], processes: int = PROCESSES) -> list[Any]:
    """What each of many processes that begin at the same moment comes to; an error is what it came to."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(processes), context.SimpleQueue()
    started = [context.Process(target=_run, args=(work, number, barrier, results)) for number in range(processes)]
    for process in started:
        process.start()
    found = [results.get() for _ in started]
    for process in started:
        process.join()
    return found


def _run(work: Callable[[int], Any], number: int, barrier: Any, results: SimpleQueue[Any]) -> None:
    barrier.wait()
    try:
        results.put(work(number))
    except BaseException as error:
        results.put(f"{type(error).__name__}: {error}")


def hammer(url: str, number: int) -> Counter[str]:
    """Ask for the endpoint again and again; whoever gets it carries it to the end."""
    database = Database(url)
    ledger, seen = Ledger(database), Counter[str]()
    kind = Kind.STOP if number % 8 == 0 else Kind.REDEPLOY
    for turn in range(ROUNDS):
        try:
            row = ledger.accept(a_wish(kind=kind, request_id=f"{number}-{turn}", actor=f"p{number}"))[0]
        except AlreadyRunning:
            seen[f"{kind.value} refused"] += 1
            continue
        seen[f"{kind.value} accepted"] += 1
        for state in STEPS:
            moved = ledger.move(row, state, Note(state.value), {"revision": row.id, "commit_id": str(row.id)})
            if moved is None:
                seen["interrupted"] += 1
                break
            row = moved
    database.close()
    return seen


def test_the_lock_holds_with_many_processes(url: str) -> None:
    """Each is accepted or told who runs; stops never wait; no two rows hold the lock at any time."""
    found = in_processes(lambda number: hammer(url, number))
    assert all(isinstance(each, Counter) for each in found), [each for each in found if isinstance(each, str)]
    total: Counter[str] = sum(found, Counter())
    assert total["stop refused"] == 0
    assert total["stop accepted"] == PROCESSES // 8 * ROUNDS
    database = Database(url)
    queries = LedgerQueries(database)
    rows = queries.page(Filter(), 1000)
    assert len(rows) == total["stop accepted"] + total["redeploy accepted"]
    assert all(row.state.is_final for row in rows)
    running: set[int] = set()
    for event in queries.events(limit=100_000):
        if event.name == "accepted":
            assert not running, f"{event.redeployment_id} began while {running} ran"
            running.add(event.redeployment_id)
        elif event.name in ("healthy", "superseded"):
            running.discard(event.redeployment_id)
    database.close()


def test_one_wish_that_is_sent_by_many_has_one_row(url: str) -> None:
    """Each gets it, and one of them was first."""

    def send(number: int) -> tuple[int, bool]:
        database = Database(url)
        row, is_new = Ledger(database).accept(a_wish(request_id=f"r{number}", idempotency_key="same"))
        database.close()
        return row.id, is_new

    found = in_processes(send, 16)
    assert all(isinstance(each, tuple) for each in found), found
    assert len({row_id for row_id, _ in found}) == 1, found
    assert sum(is_new for _, is_new in found) == 1


def test_a_lease_is_taken_by_one_of_many(url: str) -> None:
    """Also where there is no row of it yet."""

    def take(number: int) -> bool:
        database = Database(url)
        mine = Leases(database, f"p{number}").acquire("worker", 600)
        database.close()
        return mine

    found = in_processes(take, 16)
    assert Counter(found) == {True: 1, False: 15}


def test_tables_are_made_once_by_many(empty_url: str) -> None:
    """Servers that are started at the same moment all bring the database forward."""

    def upgrade(_: int) -> str:
        database = Database(empty_url)
        before, after = upgrade_schema(database)
        database.close()
        return f"{before or 'nothing'} to {after}"

    found = Counter(in_processes(upgrade, 8))
    assert found == {f"nothing to {HEAD}": 1, f"{HEAD} to {HEAD}": 7}
    database = Database(empty_url)
    assert check_schema(database).platform
    database.close()


def test_states_of_endpoints_are_written_by_many(url: str) -> None:
    """In orders that cross."""
    names = [f"e{number}" for number in range(40)]

    def write(number: int) -> int:
        database = Database(url)
        states = EndpointStates(database)
        for turn in range(4):
            order = names if (number + turn) % 2 else names[::-1]
            states.write([EndpointState("prod", name, "healthy", now(), revision=number) for name in order])
            states.touch("prod", order, now())
        database.close()
        return number

    found = in_processes(write, 8)
    assert sorted(found, key=str) == list(range(8)), found
