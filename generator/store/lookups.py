"""What a write has to know first: who holds the lock, whether the wish is known, how far an endpoint has come.

Owns: these reads, each inside the transaction of whoever asks. Refuses: transactions, lists for people (`queries`).
Conditions stand as the indexes have them, letter by letter: SQLite uses a partial index for nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, text

from generator.errors import AlreadyRunning, InvalidInput, Refused
from generator.store import tables
from generator.store.redeployment import Redeployment, Wish, read_redeployment, to_json
from generator.store.states import State

_ROWS = tables.redeployments
HOLDS_LOCK = text(tables.HOLDS_LOCK)
ACCEPTED = text(tables.ACCEPTED)
_WAITS = text(tables.WAITS)
_LONGEST = {"request_id": 200, "idempotency_key": 200, "environment": 63, "endpoint": 63}
"""Characters of the columns that name something, as the tables have them."""


def check_wish(wish: Wish) -> None:
    """InvalidInput where something that names the wish or its endpoint cannot be stored as it is."""
    for name, most in _LONGEST.items():
        value = getattr(wish, name) or ""
        words = name.replace("_", " ")
        if len(value) > most:
            raise InvalidInput(f"the {words} is {len(value)} characters long", hint=f"give one of at most {most}")
        if not value.isprintable():
            raise InvalidInput(f"the {words} holds a character that cannot be printed", hint="leave it out")


def find_active(connection: Connection, environment: str, endpoint: str) -> Redeployment | None:
    """The one that holds the endpoint's lock."""
    query = select(_ROWS).where(_ROWS.c.environment == environment, _ROWS.c.endpoint == endpoint, HOLDS_LOCK)
    return _one(connection, query)


def find_proposed(connection: Connection, environment: str, endpoint: str) -> Redeployment | None:
    """The one that waits to be merged."""
    query = select(_ROWS).where(_ROWS.c.environment == environment, _ROWS.c.endpoint == endpoint, _WAITS)
    return _one(connection, query)


def find_repeated(connection: Connection, wish: Wish) -> Redeployment | None:
    """The row of the same wish. InvalidInput where its key or id was another wish's."""
    asked = [select(_ROWS).where(_ROWS.c.request_id == wish.request_id, ACCEPTED).order_by(_ROWS.c.id)]
    if wish.idempotency_key is not None:  # a statement of its own: for both at once SQLite would use no index
        asked.append(select(_ROWS).where(_ROWS.c.idempotency_key == wish.idempotency_key))
    rows = [read_redeployment(row) for query in asked for row in connection.execute(query)]
    wanted = (wish.environment, wish.endpoint, wish.kind, wish.request_digest)
    for row in rows:
        if (row.environment, row.endpoint, row.kind, row.request_digest) != wanted:
            raise InvalidInput(
                f"this request's id or key was used before, for redeployment {row.id} ({row.kind} of {row.name})",
                hint="give every request a key of its own; repeat one only with the same content",
            )
    return rows[0] if rows else None


def find_by_request(connection: Connection, environment: str, endpoint: str, request_id: str) -> Redeployment | None:
    """The one of an endpoint that a request id names, and that was not refused."""
    query = select(_ROWS).where(
        _ROWS.c.request_id == request_id, _ROWS.c.environment == environment, _ROWS.c.endpoint == endpoint, ACCEPTED
    )
    return _one(connection, query)


def find_highest(connection: Connection, environment: str, endpoint: str) -> int:
    """The highest revision of an endpoint that is known to have reached the branch; 0 where there is none."""
    elsewhere = [State.PROPOSED.value, State.REJECTED.value]
    query = select(func.max(_ROWS.c.revision)).where(
        _ROWS.c.environment == environment,
        _ROWS.c.endpoint == endpoint,
        _ROWS.c.commit_id.is_not(None),
        _ROWS.c.state.not_in(elsewhere),
    )
    return int(connection.execute(query).scalar() or 0)


def find_row(connection: Connection, row_id: int) -> Redeployment | None:
    """One by its number, as it is now."""
    return _one(connection, select(_ROWS).where(_ROWS.c.id == row_id))


def find_refused(connection: Connection, wish: Wish, moment: datetime) -> Redeployment | None:
    """The row that an earlier try of the same call has left, whose answer was lost."""
    same = (_ROWS.c.environment == wish.environment, _ROWS.c.endpoint == wish.endpoint)
    query = select(_ROWS).where(*same, _ROWS.c.request_id == wish.request_id, _ROWS.c.created_at == moment)
    query = query.limit(1)
    return _one(connection, query)


def already_running(active: Redeployment) -> AlreadyRunning:
    """Who runs which one since when, and what to do."""
    revision = f" (r{active.revision})" if active.revision else ""
    by = f" by {active.actor}" if active.actor else ""
    return AlreadyRunning(
        f"{active.name}: {active.kind} {active.id}{revision}{by} is {active.state} since {to_json(active.created_at)}",
        details={"redeployment": active.to_dict()},
    )


def not_running(row_id: int, active: Redeployment | None) -> Refused:
    """Whose place cannot be taken, and which one runs instead."""
    runs = f"; {active.kind} {active.id} runs" if active is not None else "; nothing runs"
    details = {"redeployment": active.to_dict()} if active is not None else {}
    hint = "look at what became of it, then redeploy, or take the place of the one that runs"
    return Refused(f"redeployment {row_id} does not run any more{runs}", hint=hint, details=details)


def _one(connection: Connection, query: Select[Any]) -> Redeployment | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else read_redeployment(row)
