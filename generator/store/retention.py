"""How long events are kept.

Owns: which events of settled redeployments may go, and taking them away so that nobody waits. Refuses: redeployments
themselves, which are never removed, and any event of one that has no verdict yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, distinct, func, select

from generator.store import tables
from generator.store.database import Database

_EVENTS = tables.events
_ROWS = tables.redeployments

KEPT = (
    "accepted",
    "found",
    "refused",
    "committed",
    "not-committed",
    "rejected",
    "healthy",
    "failed",
    "superseded",
)
"""Events that always stay: who asked, that it reached git, and the verdict."""

BATCH = 1000
"""Events that one transaction takes away: some milliseconds."""

_PAUSE_SECONDS = 0.02
"""Between two transactions: SQLite lets whoever waits look again only now and then."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many events went, or would go, of how many redeployments."""

    events: int
    redeployments: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"events": self.events, "redeployments": self.redeployments}


def count_old_events(database: Database, before: datetime) -> Pruned:
    """What `prune_events` would take away."""
    query = _find(before, func.count(), func.count(distinct(_EVENTS.c.redeployment_id)))
    return database.read(lambda connection: Pruned(*map(int, connection.execute(query).one())))


def prune_events(
    database: Database,
    before: datetime,
    *,
    batch: int = BATCH,
    tell: Callable[[int], None] = lambda _: None,
    pause_seconds: float = _PAUSE_SECONDS,
) -> Pruned:
    """Take old events of redeployments away that had their verdict before a moment; `tell` is told how many are gone.

    In many short transactions: what was taken away stays away where the rest fails.
    """
    last, gone, touched = 0, 0, set[int]()
    while True:
        found = _read_batch(database, before, last, batch)
        if not found:
            return Pruned(gone, len(touched))
        ids = [row_id for row_id, _ in found]
        database.write(lambda connection, ids=ids: connection.execute(delete(_EVENTS).where(_EVENTS.c.id.in_(ids))))  # type: ignore[misc]
        touched.update(redeployment for _, redeployment in found)
        last, gone = ids[-1], gone + len(ids)
        tell(gone)
        time.sleep(pause_seconds)


def _read_batch(database: Database, before: datetime, last: int, batch: int) -> list[tuple[int, int]]:
    """Ids of events and of their redeployments. A verdict is final, so that they may be taken away a moment later."""
    query = _find(before, _EVENTS.c.id, _EVENTS.c.redeployment_id)
    query = query.where(_EVENTS.c.id > last).order_by(_EVENTS.c.id).limit(batch)

    def work(connection: Connection) -> list[tuple[int, int]]:
        return [(row.id, row.redeployment_id) for row in connection.execute(query)]

    return database.read(work)


def _find(before: datetime, *columns: Any) -> Select[Any]:
    settled = _EVENTS.join(_ROWS, _ROWS.c.id == _EVENTS.c.redeployment_id)
    return (
        select(*columns)
        .select_from(settled)
        .where(_EVENTS.c.at < before, _ROWS.c.settled_at < before, _EVENTS.c.name.not_in(KEPT))
    )
