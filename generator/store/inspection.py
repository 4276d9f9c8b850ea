"""How a database stands, beyond the version of its tables.

Owns: what is worth a person's look: locks that are held for long, writes of others, who holds the leases. Refuses:
changing anything, and judging it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from generator.store import tables
from generator.store.database import Database
from generator.store.endpoints import EndpointState
from generator.store.redeployment import Redeployment, read_redeployment

_MOST = 100
"""Cases of one kind at most."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. `held`: redeployments that began before a moment and hold a lock; `foreign`: overwritten rows."""

    redeployments: int
    held: tuple[Redeployment, ...]
    foreign: tuple[EndpointState, ...]
    leases: tuple[tuple[str, str, datetime], ...]
    """Name, holder, end of each."""


def inspect_ledger(database: Database, held_since: datetime) -> Inspection:
    """Look at everything in one transaction."""
    rows, states, leases = tables.redeployments, tables.endpoints, tables.leases
    held = select(rows).where(text(tables.HOLDS_LOCK), rows.c.created_at < held_since).order_by(rows.c.id)
    foreign = select(states).where(states.c.foreign_write_at.is_not(None), states.c.is_deleted.is_(False))
    foreign = foreign.order_by(states.c.foreign_write_at.desc())
    holders = select(leases.c.name, leases.c.holder, leases.c.expires_at).order_by(leases.c.name)

    def work(connection: Connection) -> Inspection:
        return Inspection(
            int(connection.execute(select(func.count()).select_from(rows)).scalar_one()),
            tuple(read_redeployment(row) for row in connection.execute(held.limit(_MOST))),
            tuple(EndpointState(**row._mapping) for row in connection.execute(foreign.limit(_MOST))),
            tuple((row.name, row.holder, row.expires_at) for row in connection.execute(holders)),
        )

    return database.read(work)
