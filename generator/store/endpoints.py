"""What is known of each endpoint beside its redeployments: what serves, and what was last written for others to read.

Owns: the table `revstamp_endpoints`. Refuses: finding out (`worker`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from generator.store import tables
from generator.store.database import Database
from generator.store.redeployment import to_json

_ROWS = tables.endpoints
_KEY = ("environment", "endpoint")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class EndpointState:
    """One endpoint. `status` is a word of the platform; `good_revision` the newest that was ever healthy.

    `projected` is what was last written into the platform's row; `rollout` the last assessment, None for a quiet one.
    """

    environment: str
    endpoint: str
    status: str
    changed_at: datetime
    endpoint_id: str | None = None
    revision: int = 0
    pod_revision: int = 0
    good_revision: int | None = None
    is_deleted: bool = False
    phase: str | None = None
    message: str = ""
    rollout: Mapping[str, Any] | None = None
    projected: Mapping[str, Any] | None = None
    foreign_write_at: datetime | None = None
    checked_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "environment": self.environment,
            "endpoint": self.endpoint,
            "id": self.endpoint_id,
            "status": self.status,
            "revision": self.revision,
            "podRevision": self.pod_revision,
            "goodRevision": self.good_revision,
            "deleted": self.is_deleted,
            "phase": self.phase,
            "message": self.message,
            "rollout": self.rollout,
            "foreignWriteAt": to_json(self.foreign_write_at),
            "checkedAt": to_json(self.checked_at),
            "changedAt": to_json(self.changed_at),
        }


class EndpointStates:
    """The states in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, environment: str) -> dict[str, EndpointState]:
        """All endpoints of an environment by name."""
        query = select(_ROWS).where(_ROWS.c.environment == environment)
        return {state.endpoint: state for state in self._read(query)}

    def find(self, environment: str, endpoint: str) -> EndpointState | None:
        """One endpoint."""
        found = self._read(select(_ROWS).where(_ROWS.c.environment == environment, _ROWS.c.endpoint == endpoint))
        return found[0] if found else None

    def page(
        self, *, environment: str | None = None, limit: int = 100, after: tuple[str, str] = ("", "")
    ) -> list[EndpointState]:
        """By environment and name; `after` is the last one of the page before."""
        query = select(_ROWS).where(_ROWS.c.is_deleted.is_(False)).order_by(_ROWS.c.environment, _ROWS.c.endpoint)
        if environment is not None:
            query = query.where(_ROWS.c.environment == environment)
        earlier = (_ROWS.c.environment == after[0]) & (_ROWS.c.endpoint > after[1])
        return self._read(query.where((_ROWS.c.environment > after[0]) | earlier).limit(limit))

    def write(self, states: Sequence[EndpointState]) -> None:
        """Keep states, in batches of one statement each."""
        if states:
            self._database.write(lambda connection: self.write_within(connection, states))

    def write_within(self, connection: Connection, states: Sequence[EndpointState]) -> None:
        """The same in a transaction that writes more."""
        ordered = sorted(states, key=lambda state: (state.environment, state.endpoint))  # two that do so never block
        for start in range(0, len(ordered), _BATCH):
            values = [asdict(state) for state in ordered[start : start + _BATCH]]
            connection.execute(self._upsert(), values)

    def touch(self, environment: str, names: Iterable[str], moment: datetime) -> None:
        """Say when endpoints were looked at last."""
        chosen = sorted(names)
        query = update(_ROWS).where(_ROWS.c.environment == environment).values(checked_at=moment)

        def work(connection: Connection) -> None:
            for start in range(0, len(chosen), _BATCH):
                connection.execute(query.where(_ROWS.c.endpoint.in_(chosen[start : start + _BATCH])))

        if chosen:
            self._database.write(work)

    def _upsert(self) -> Any:
        insert: Any = sqlite.insert(_ROWS) if self._database.is_sqlite else postgresql.insert(_ROWS)
        others = {column.name: insert.excluded[column.name] for column in _ROWS.c if column.name not in _KEY}
        return insert.on_conflict_do_update(index_elements=_KEY, set_=others)

    def _read(self, query: Any) -> list[EndpointState]:
        def work(connection: Connection) -> list[EndpointState]:
            return [EndpointState(**row._mapping) for row in connection.execute(query)]

        return self._database.read(work)
