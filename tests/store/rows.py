"""Wishes, rows and statements that tests of the store begin with.

Owns: short ways to them. Refuses: asserting.
"""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import insert, text

from generator.store import tables
from generator.store.database import Database
from generator.store.ledger import Ledger, now
from generator.store.redeployment import Note, Redeployment, Wish
from generator.store.states import INITIAL, TRANSITIONS, Kind, State

_NUMBERS = itertools.count(1)


def a_wish(endpoint: str = "chat", kind: Kind = Kind.REDEPLOY, **given: Any) -> Wish:
    """A wish with a request id of its own."""
    values = {"request_id": f"wish-{next(_NUMBERS)}", "environment": "prod", "actor": "Ann <ann@example.com>"}
    return Wish(**{**values, "endpoint": endpoint, "kind": kind, **given})


def ways() -> dict[State, tuple[State, ...]]:
    """The shortest way from a beginning to every state."""
    found: dict[State, tuple[State, ...]] = {state: (state,) for state in (State.PENDING, State.REFUSED)}
    for _ in State:
        for before, way in list(found.items()):
            for after in TRANSITIONS[before]:
                if after not in found or len(way) + 1 < len(found[after]):
                    found[after] = (*way, after)
    return found


def bring_to(ledger: Ledger, row: Redeployment, state: State, **values: Any) -> Redeployment:
    """Let a row go on to a state that is further on its way."""
    way = ways()[state]
    for step in way[way.index(row.state) + 1 :] if row.state in way else ():
        moved = ledger.move(row, step, Note(step.value), values if step is State.COMMITTED else None)
        assert moved is not None
        row = moved
    return row


def accept(ledger: Ledger, endpoint: str = "chat", state: State = State.PENDING, **given: Any) -> Redeployment:
    """An accepted wish, brought to a state; with `revision` by way of a commit."""
    is_committed = "revision" in given and state in (State.HEALTHY, State.FAILED)
    values = {"commit_id": "c" * 40, "revision": given.pop("revision", 1), "pod_revision": 1}
    row, is_new = ledger.accept(a_wish(endpoint, **given))
    assert is_new
    if is_committed:
        row = bring_to(ledger, row, State.PROGRESSING, **values)
        settled = ledger.move(row, state, Note(state.value))
        assert settled is not None
        return settled
    return bring_to(ledger, row, state, **values)


def insert_raw(database: Database, state: State, kind: Kind = Kind.REDEPLOY, endpoint: str = "raw") -> int:
    """A row in a state, by SQL; the triggers speak."""
    values = {"request_id": f"raw-{next(_NUMBERS)}", "environment": "dev", "endpoint": endpoint, "created_at": now()}
    query = insert(tables.redeployments).values(**values, kind=kind.value, state=state.value)
    made = query.returning(tables.redeployments.c.id)
    return database.write(lambda connection: int(connection.execute(made).scalar_one()))


def set_state(database: Database, row_id: int, state: State) -> None:
    """Another state, by SQL; the triggers speak."""
    query = text("UPDATE revstamp_redeployments SET state = :state WHERE id = :id")
    database.write(lambda connection: connection.execute(query, {"state": state.value, "id": row_id}))


def beginnings() -> list[tuple[State, Kind, bool]]:
    """Every state and kind, and whether a row may begin so."""
    return [(state, kind, kind in INITIAL.get(state, ())) for state in State for kind in Kind]


def count(database: Database, table: str) -> int:
    """How many rows a table has."""
    query = text(f"SELECT count(*) FROM {table}")
    return database.read(lambda connection: int(connection.execute(query).scalar_one()))
