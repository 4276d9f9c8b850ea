"""The ledger's reads: one redeployment, pages of them, events, what waits for the worker.

Owns: filters and cursors. Refuses: changing anything. Nothing here asks a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_

from generator.errors import NotFound
from generator.store import tables
from generator.store.database import Database
from generator.store.following import read_following
from generator.store.lookups import ACCEPTED, find_active, find_by_request
from generator.store.redeployment import Event, Redeployment, read_event, read_redeployment
from generator.store.states import LOCKING, Kind, State

_ROWS = tables.redeployments
_EVENTS = tables.events
MOST = 1000
"""Rows of one page at most."""

_BATCH = 200
"""Endpoints that one statement asks about."""

_NUMBERS = 2**63
"""No row has a greater number, and no driver takes one."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which redeployments are meant; what is not given does not matter."""

    environment: str | None = None
    endpoint: str | None = None
    states: Sequence[State] = ()
    kinds: Sequence[Kind] = ()
    actor: str | None = None
    since: datetime | None = None


class LedgerQueries:
    """Reads of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def page(self, wanted: Filter, limit: int = 100, before: int | None = None) -> tuple[Redeployment, ...]:
        """Newest first; `before` is the id of the last one of the page before."""
        query = _narrow(select(_ROWS), wanted).order_by(_ROWS.c.id.desc()).limit(min(limit, MOST))
        if before is not None:
            query = query.where(_ROWS.c.id < before)
        return self._rows(query)

    def count(self, wanted: Filter) -> int:
        """How many there are."""
        query = _narrow(select(func.count()).select_from(_ROWS), wanted)
        return int(self.database.read(lambda connection: connection.execute(query).scalar_one()))

    def get(self, row_id: int) -> Redeployment:
        """One by its number. NotFound where there is none."""
        found = self._rows(select(_ROWS).where(_ROWS.c.id == row_id)) if 0 < row_id < _NUMBERS else ()
        if not found:
            raise NotFound(f"there is no redeployment {row_id}", hint="`revstamp history ENDPOINT` lists them")
        return found[0]

    def find(self, text: str) -> Redeployment:
        """One by its number or request id; of several the newest that was accepted. NotFound where there is none."""
        if text.isdecimal() and len(text) < 19:
            return self.get(int(text))
        query = select(_ROWS).where(_ROWS.c.request_id == text).order_by(_ROWS.c.id.desc()).limit(1)
        found = self._rows(query.where(ACCEPTED)) or self._rows(query)  # no index knows those that were refused
        if not found:
            raise NotFound(f"there is no redeployment {text!r}", hint="`revstamp history ENDPOINT` lists them")
        return found[0]

    def by_request(self, environment: str, endpoint: str, request_id: str) -> Redeployment | None:
        """The one of an endpoint that a request id names, and that was not refused."""
        return self.database.read(lambda connection: find_by_request(connection, environment, endpoint, request_id))

    def active(self, environment: str, endpoint: str) -> Redeployment | None:
        """The one that holds the endpoint's lock."""
        return self.database.read(lambda connection: find_active(connection, environment, endpoint))

    def latest_committed(self, environment: str, endpoint: str) -> Redeployment | None:
        """The newest one that reached git."""
        found = self._rows(
            select(_ROWS)
            .where(_ROWS.c.environment == environment, _ROWS.c.endpoint == endpoint, _ROWS.c.commit_id.is_not(None))
            .where(_ROWS.c.state != State.REJECTED.value, _ROWS.c.state != State.PROPOSED.value)
            .order_by(_ROWS.c.id.desc())
            .limit(1)
        )
        return found[0] if found else None

    def latest_of(self, refs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Redeployment]:
        """The newest one of each of these endpoints (environment, name) that was not refused."""
        place = tuple_(_ROWS.c.environment, _ROWS.c.endpoint)
        found: dict[tuple[str, str], Redeployment] = {}
        for start in range(0, len(refs), _BATCH):
            chosen = place.in_(refs[start : start + _BATCH])
            newest = select(func.max(_ROWS.c.id)).where(chosen, _ROWS.c.state != State.REFUSED.value)
            newest = newest.group_by(_ROWS.c.environment, _ROWS.c.endpoint)
            rows = self._rows(select(_ROWS).where(_ROWS.c.id.in_(newest)))
            found |= {(row.environment, row.endpoint): row for row in rows}
        return found

    def unsettled(self, batch: int = MOST) -> tuple[Redeployment, ...]:
        """All that have no verdict yet, oldest first, however many; read in batches."""
        states = [state.value for state in (*LOCKING, State.PROPOSED)]
        query = select(_ROWS).where(_ROWS.c.state.in_(states)).order_by(_ROWS.c.id).limit(batch)
        found: list[Redeployment] = list(self._rows(query))
        while found and len(found) % batch == 0:
            more = self._rows(query.where(_ROWS.c.id > found[-1].id))
            if not more:
                break
            found += more
        return tuple(found)

    def events(self, row_id: int | None = None, after: int = 0, limit: int = MOST) -> tuple[Event, ...]:
        """Events of one redeployment in their order, or of all: then none is overtaken that is still to come."""
        if row_id is None:
            return read_following(self.database, after, limit)
        query = select(_EVENTS).where(_EVENTS.c.redeployment_id == row_id, _EVENTS.c.id > after)
        query = query.order_by(_EVENTS.c.id).limit(limit)
        return tuple(self.database.read(lambda connection: [read_event(row) for row in connection.execute(query)]))

    def was_healthy(self, environment: str, endpoint: str, revision: int) -> bool:
        """Whether that revision has had the verdict: a cluster has shown its pods ready."""
        query = select(_ROWS.c.id).where(_ROWS.c.environment == environment, _ROWS.c.endpoint == endpoint)
        query = query.where(_ROWS.c.revision == revision, _ROWS.c.state == State.HEALTHY.value)
        query = query.where(_ROWS.c.committed_at.is_not(None)).limit(1)
        return self.database.read(lambda connection: connection.execute(query).first()) is not None

    def last_event_id(self) -> int:
        """The id of the newest event; 0 where there is none."""
        query = select(func.max(_EVENTS.c.id))
        return int(self.database.read(lambda connection: connection.execute(query).scalar()) or 0)

    def _rows(self, query: Select[Any]) -> tuple[Redeployment, ...]:
        def work(connection: Connection) -> tuple[Redeployment, ...]:
            return tuple(read_redeployment(row) for row in connection.execute(query))

        return self.database.read(work)


def _narrow(query: Select[Any], wanted: Filter) -> Select[Any]:
    for column, value in (("environment", wanted.environment), ("endpoint", wanted.endpoint), ("actor", wanted.actor)):
        if value is not None:
            query = query.where(_ROWS.c[column] == value)
    if wanted.states:
        query = query.where(_ROWS.c.state.in_([state.value for state in wanted.states]))
    if wanted.kinds:
        query = query.where(_ROWS.c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.since is not None:
        query = query.where(_ROWS.c.created_at >= wanted.since)
    return query
