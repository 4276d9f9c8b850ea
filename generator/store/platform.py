"""The platform's rows: read as they are, written only where revstamp owns the truth.

Owns: finding the tables' real columns, rows of endpoints with their model and deployment, compare-and-set. Refuses:
what the values should be (`service.projection`), and tables that are not there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, MetaData, Row, Table, and_, delete, insert, select, update
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import Uuid

from generator.errors import StoreError
from generator.store import platform_tables
from generator.store.database import Database
from generator.store.ledger import now
from generator.store.types import Identity

_UUIDS = {
    "model_catalog_entries": ("id",),
    "serving_endpoints": ("id", "model_entry_id"),
    "serving_deployments": ("id", "serving_endpoint_id"),
}


@dataclass(frozen=True, slots=True)
class EndpointRows:
    """One endpoint of the platform: its row, its model's, and its deployment's where there is one."""

    endpoint: Mapping[str, Any]
    model: Mapping[str, Any]
    deployment: Mapping[str, Any] | None = None

    def as_export(self) -> dict[str, Any]:
        """The shape that `spec.platform_rows` reads."""
        rows = [[row] if row else [] for row in (self.model, self.endpoint, self.deployment)]
        models, endpoints, deployments = ([_without_times(row) for row in part] for part in rows)
        return {"models": models, "endpoints": endpoints, "deployments": deployments}


class PlatformRows:
    """The platform's part of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """The tables with the columns that they really have. StoreError where one is missing."""
        return self.database.read(self._reflect)

    def _reflect(self, connection: Connection) -> dict[str, Table]:
        metadata, found = MetaData(), {}
        for name in platform_tables.PLATFORM.tables:
            try:
                found[name] = Table(
                    name,
                    metadata,
                    autoload_with=connection,
                    resolve_fks=False,
                )
            except NoSuchTableError:
                raise StoreError(
                    f"the database {self.database.label} has no table {name} of the platform",
                    hint="give the URL of the platform's database, or of an empty one to `revstamp db upgrade`",
                ) from None
            for column in found[name].columns:
                known = platform_tables.PLATFORM.tables[name].columns.get(column.name)
                if column.name in _UUIDS.get(name, ()):
                    column.type = Identity
                elif self.database.is_sqlite and known is not None:
                    column.type = known.type
        return found

    def list_endpoints(
        self,
        *,
        environment: str | None = None,
        model_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        before: tuple[datetime, str] | None = None,
    ) -> list[EndpointRows]:
        """Newest first, each with its model and deployment, by three queries however many there are."""
        table = self.tables["serving_endpoints"]
        query = select(table).order_by(table.c.created_at.desc(), table.c.id.desc())
        for column, value in (("environment", environment), ("model_entry_id", model_id), ("status", status)):
            if value is not None:
                query = query.where(table.c[column] == value)
        if before is not None:
            moment, last = before
            later = and_(table.c.created_at == moment, table.c.id < last)
            query = query.where((table.c.created_at < moment) | later)
        if limit is not None:
            query = query.limit(limit)
        return self.database.read(lambda connection: self._join(connection, connection.execute(query).all()))

    def find_endpoint(self, identity: str) -> EndpointRows | None:
        """One by its id; None where there is none."""
        table = self.tables["serving_endpoints"]
        query = select(table).where(table.c.id == identity)
        found = self.database.read(lambda connection: self._join(connection, connection.execute(query).all()))
        return found[0] if found else None

    def find_model(self, identity: str) -> Mapping[str, Any] | None:
        """A catalogue entry by its id."""
        table = self.tables["model_catalog_entries"]
        query = select(table).where(table.c.id == identity)
        row = self.database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _plain(row)

    def list_models(self) -> list[Mapping[str, Any]]:
        """The whole catalogue, by name and version."""
        table = self.tables["model_catalog_entries"]
        query = select(table).order_by(table.c.name, table.c.version)
        return self.database.read(lambda connection: [_plain(row) for row in connection.execute(query)])

    def add(self, name: str, values: Mapping[str, Any]) -> None:
        """A new row of a table."""
        table = self.tables[name]
        self.database.write(lambda connection: connection.execute(insert(table).values(**_fit(table, values))))

    def adding(self, name: str, values: Mapping[str, Any]) -> Callable[[Connection], None]:
        """The same as part of another transaction."""
        table = self.tables[name]

        def work(connection: Connection) -> None:
            connection.execute(insert(table).values(**_fit(table, values)))

        return work

    def remove_endpoint(self, identity: str) -> None:
        """Take an endpoint's row away; its deployment goes with it."""
        table = self.tables["serving_endpoints"]
        self.database.write(lambda connection: connection.execute(delete(table).where(table.c.id == identity)))

    def swap(self, name: str, identity: str, expected: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """Change columns of a row that still says what is expected; False where it says something else by now.

        Columns that the table does not have are passed over.
        """
        table = self.tables[name]
        given = _fit(table, values)

        def work(connection: Connection) -> bool:
            query = select(table).where(table.c.id == identity)
            row = connection.execute(query if self.database.is_sqlite else query.with_for_update()).one_or_none()
            if row is None:
                return False
            plain = _plain(row)
            if any(plain[key] != value for key, value in expected.items() if key in plain):
                return False
            if given:
                connection.execute(update(table).where(table.c.id == identity).values(**given))
            return True

        return self.database.write(work)

    def touch(self, identities: Sequence[str], moment: datetime) -> None:
        """Move `last_health_check` of many endpoints in one statement."""
        table = self.tables["serving_endpoints"]
        if identities and "last_health_check" in table.c:
            query = update(table).where(table.c.id.in_(identities)).values(last_health_check=moment)
            self.database.write(lambda connection: connection.execute(query))

    def audit(
        self,
        actor: str,
        action: str,
        resource: tuple[str, str],
        *,
        allowed: bool,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """One line of the audit: who did, or wanted to do, what to which resource (type and id)."""
        values: dict[str, Any] = {
            "actor_id": actor or "unknown",
            "action": action,
            "resource_type": resource[0],
            "resource_id": resource[1],
            "result": "allowed" if allowed else "denied",
            "metadata": dict(details or {}),
            "occurred_at": now(),
        }
        column = self.tables["audit_logs"].c.get("id")
        if (column is not None and isinstance(column.type, Uuid)) or self.database.is_sqlite:
            values["id"] = str(uuid.uuid4())
        self.add("audit_logs", values)

    def read_audit(self, limit: int = 100) -> list[Mapping[str, Any]]:
        """The newest lines of the audit, newest first."""
        table = self.tables["audit_logs"]
        query = select(table).order_by(table.c.occurred_at.desc()).limit(limit)
        return self.database.read(lambda connection: [_plain(row) for row in connection.execute(query)])

    def _join(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[EndpointRows]:
        endpoints = [_plain(row) for row in rows]
        models = self._by(connection, "model_catalog_entries", "id", {row["model_entry_id"] for row in endpoints})
        ids = {row["id"] for row in endpoints}
        deployments = self._by(connection, "serving_deployments", "serving_endpoint_id", ids)
        return [
            EndpointRows(row, models.get(row["model_entry_id"], {}), deployments.get(row["id"])) for row in endpoints
        ]

    def _by(self, connection: Connection, name: str, key: str, wanted: set[str]) -> dict[str, Mapping[str, Any]]:
        if not wanted:
            return {}
        table = self.tables[name]
        query = select(table).where(table.c[key].in_(sorted(wanted)))
        return {str(row[key]): row for row in map(_plain, connection.execute(query))}


def _without_times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not isinstance(value, datetime)}


def _plain(row: Row[Any]) -> dict[str, Any]:
    """Ids as text, times with their zone."""
    return {key: _plain_value(value) for key, value in row._mapping.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _fit(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values whose columns the table has, as these want them."""
    return {key: _fit_value(table.c[key].type, value) for key, value in values.items() if key in table.c}


def _fit_value(kind: Any, value: Any) -> Any:
    if isinstance(kind, Uuid) and kind.as_uuid and isinstance(value, str):
        try:
            return uuid.UUID(value)
        except ValueError:
            return None
    return value
