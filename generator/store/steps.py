"""Steps of redeployments, each inside the transaction of whoever takes it.

Owns: how a row begins, goes on, makes way, and what is told of it. Refuses: transactions, and when a step is taken
(`ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from generator.errors import InternalError, StoreConflict
from generator.store import tables
from generator.store.redeployment import Note, Redeployment, Wish, read_redeployment
from generator.store.states import State, may_follow

_ROWS = tables.redeployments
_EVENTS = tables.events
SUPERSEDED = "Superseded"
"""Failure reason of one that was ended before it was committed."""

_UNCLAIMED: Mapping[str, Any] = {"claimed_by": None, "claimed_until": None}


@dataclass(frozen=True, slots=True)
class Steps:
    """`clock` gives the time that is written into rows."""

    clock: Callable[[], datetime]

    def end(self, connection: Connection, active: Redeployment, wish: Wish) -> None:
        """Let the one that runs make way, in the same transaction in which the other one begins."""
        words = f"{wish.kind.value} by {wish.actor or 'somebody'} took its place"
        if active.state is State.PENDING:
            words += " before it was committed"
            values = {"failure_reason": SUPERSEDED, "message": words}
            moved = self.move(connection, active, State.FAILED, values, Note("superseded", words))
        else:
            moved = self.move(connection, active, State.SUPERSEDED, {"message": words}, Note("superseded", words))
        must(moved, active)

    def link(self, connection: Connection, ended: Redeployment | None, row: Redeployment) -> None:
        """Say which one took the place of one that was ended."""
        if ended is not None:
            connection.execute(update(_ROWS).where(_ROWS.c.id == ended.id).values(superseded_by=row.id))

    def insert(self, connection: Connection, wish: Wish, state: State, **given: Any) -> Redeployment:
        """Begin a row."""
        values = {**asdict(wish), "created_at": self.clock(), **given, "kind": wish.kind.value, "state": state.value}
        return read_redeployment(connection.execute(insert(_ROWS).values(**values).returning(_ROWS)).one())

    def move(
        self, connection: Connection, row: Redeployment, state: State, values: Mapping[str, Any], note: Note
    ) -> Redeployment | None:
        """One step; None where the row has moved on meanwhile."""
        if not may_follow(row.state, state):
            raise InternalError(f"redeployment {row.id} cannot go from {row.state} to {state}")
        given = {**values, **_UNCLAIMED}
        if state.is_final:
            given |= {"settled_at": self.clock(), "failing": None, "verdict": state.value}
        done = connection.execute(
            update(_ROWS)
            .where(_ROWS.c.id == row.id, _ROWS.c.state == row.state.value)
            .values(state=state.value, **given)
            .returning(_ROWS)
        ).one_or_none()
        if done is None:
            return None
        self.note(connection, row.id, note)
        return read_redeployment(done)

    def note(self, connection: Connection, row_id: int, note: Note, moment: datetime | None = None) -> None:
        """Add an event."""
        values = {"redeployment_id": row_id, "at": moment or self.clock(), "name": note.name, "message": note.message}
        connection.execute(insert(_EVENTS).values(**values, data=dict(note.data) if note.data else None))


def must(moved: Redeployment | None, row: Redeployment) -> Redeployment:
    """A step of a row that was read in the same transaction. StoreConflict: somebody came in between."""
    if moved is None:
        raise StoreConflict(f"redeployment {row.id} has moved on meanwhile")
    return moved


def wish_of(row: Redeployment) -> Wish:
    """Who takes the place of another one."""
    return Wish(row.request_id, row.environment, row.endpoint, row.kind, row.actor)


def is_noted(connection: Connection, row_id: int, note: Note, moment: datetime) -> bool:
    """Whether an earlier try, whose answer was lost, has added the event."""
    query = select(_EVENTS.c.id).where(
        _EVENTS.c.redeployment_id == row_id, _EVENTS.c.at == moment, _EVENTS.c.name == note.name
    )
    return connection.execute(query).first() is not None
