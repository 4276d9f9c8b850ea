"""One redeployment and its events, as values.

Owns: their fields and their JSON form. Refuses: storage. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from generator.store.states import Kind, State

_HIDDEN = frozenset(("request_digest", "operation", "claimed_by", "claimed_until", "attempts"))
"""Fields that are nobody's business but the worker's."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for one endpoint, before it has a row. `request_id` names it in git and in the ledger."""

    request_id: str
    environment: str
    endpoint: str
    kind: Kind
    actor: str = ""
    reason: str = ""
    endpoint_id: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    request: Any = None
    operation: Any = None
    resolved: Any = None
    base_commit: str | None = None
    branch: str | None = None
    restores: int | None = None
    rolls_back: int | None = None


@dataclass(frozen=True, slots=True)
class Redeployment:
    """A row of the ledger."""

    id: int
    request_id: str
    environment: str
    endpoint: str
    kind: Kind
    state: State
    created_at: datetime
    idempotency_key: str | None = None
    request_digest: str | None = None
    endpoint_id: str | None = None
    actor: str = ""
    reason: str = ""
    request: Any = None
    operation: Any = None
    resolved: Any = None
    base_commit: str | None = None
    branch: str | None = None
    revision: int | None = None
    pod_revision: int | None = None
    restores: int | None = None
    commit_id: str | None = None
    pull_request: str | None = None
    committed_at: datetime | None = None
    applied_at: datetime | None = None
    settled_at: datetime | None = None
    phase: str | None = None
    phase_since: datetime | None = None
    failing: str | None = None
    verdict: str | None = None
    failure_reason: str | None = None
    message: str = ""
    hint: str = ""
    violations: Any = None
    superseded_by: int | None = None
    rolls_back: int | None = None
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    attempts: int = 0

    @property
    def name(self) -> str:
        """`environment/endpoint`."""
        return f"{self.environment}/{self.endpoint}"

    @property
    def is_failing(self) -> bool:
        """Whether something is wrong already, though there is no verdict yet."""
        return bool(self.failing)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: camelCase keys that are always there, ids as strings, times as ISO 8601 in UTC."""
        found = {
            _camel(item.name): to_json(getattr(self, item.name)) for item in fields(self) if item.name not in _HIDDEN
        }
        for key in ("id", "supersededBy", "rollsBack"):
            found[key] = None if found[key] is None else str(found[key])
        return found


@dataclass(frozen=True, slots=True)
class Note:
    """An event that is still to be written; `name` is a word of docs/ledger.md."""

    name: str
    message: str = ""
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a redeployment. `id` orders the events of all of them."""

    id: int
    redeployment_id: int
    at: datetime
    name: str
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "id": str(self.id),
            "redeploymentId": str(self.redeployment_id),
            "at": to_json(self.at),
            "name": self.name,
            "message": self.message,
            "data": dict(self.data),
        }


def read_redeployment(row: Row[Any]) -> Redeployment:
    """The value of a row of the table."""
    values = dict(row._mapping)
    return Redeployment(**{**values, "kind": Kind(values["kind"]), "state": State(values["state"])})


def read_event(row: Row[Any]) -> Event:
    """The value of a row of the table."""
    values = dict(row._mapping)
    return Event(**{**values, "data": values["data"] or {}})


def to_json(value: Any) -> Any:
    """A time as ISO 8601 with milliseconds, all else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.value if isinstance(value, Kind | State) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
