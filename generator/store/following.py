"""Events of all redeployments, one after another, for whoever follows them by their ids.

Owns: that none is overtaken: PostgreSQL gives ids in the order of statements, and shows events in the order of commits.
Refuses: waiting for new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, select, text

from generator.store import tables
from generator.store.database import Database
from generator.store.ledger import now
from generator.store.redeployment import Event, read_event

_EVENTS = tables.events
_ALONE = text("SELECT pg_try_advisory_xact_lock(:key)")

ADDING = 0x72767374657674
"""The lock that every transaction holds that adds events (migration 0003)."""

_LONGEST = timedelta(seconds=60)
"""No transaction that adds events takes longer."""


def read_following(database: Database, after: int, limit: int) -> tuple[Event, ...]:
    """Events after an id, in their order; they end before a number that somebody may still write."""

    def read(connection: Connection) -> list[Event]:
        query = select(_EVENTS).where(_EVENTS.c.id > after).order_by(_EVENTS.c.id).limit(limit)
        return [read_event(row) for row in connection.execute(query)]

    def work(connection: Connection) -> tuple[Event, ...]:
        events = read(connection)
        sure = _count_sure(events, after)
        if sure == len(events) or database.is_sqlite:
            return tuple(events)
        if connection.execute(_ALONE, {"key": ADDING}).scalar():  # nobody adds any: numbers that are missing stay so
            return tuple(read(connection))
        return tuple(events[:sure])

    return database.read(work)


def _count_sure(events: Sequence[Event], after: int) -> int:
    """How many come before the first number that is missing and may still be written."""
    settled = now() - _LONGEST
    for place, event in enumerate(events):
        if event.id != (events[place - 1].id if place else after) + 1 and event.at > settled:
            return place
    return len(events)
