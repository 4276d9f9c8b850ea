"""The platform's rows: read as they are, written only where revstamp owns the truth.

Owns: finding the tables' real columns, rows of endpoints with their model and deployment, compare-and-set. Refuses:
what the values should be (`service.projection`), and tables that are not there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, MetaData, Row, Table, delete, insert, select, update
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import String, Uuid

from generator.errors import StoreError
from generator.store import platform_tables
from generator.store.database import Database, once
from generator.store.ledger import now
from generator.store.platform_values import (
    choose_type,
    comes_after,
    fit_values,
    has_id,
    read_id,
    read_row,
    split_ids,
)
from generator.store.types import LooseIdentity

_AUDITED = ("actor_id", "action", "resource_id", "occurred_at")
"""Columns by which a line of the audit that was written already is known, where its id is a number."""


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
                column.type = choose_type(column, known, is_sqlite=self.database.is_sqlite)
        return found

    def list_endpoints(
        self,
        *,
        environment: str | None = None,
        model_id: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        before: tuple[datetime | None, str] | None = None,
    ) -> list[EndpointRows]:
        """Newest first, each with its model and deployment, by a few queries however many there are.

        `before`: when the last one of the page before was created, and its id. Those without a time come last.
        """
        table = self.tables["serving_endpoints"]
        query = select(table).order_by(table.c.created_at.desc().nulls_last(), table.c.id.desc())
        if model_id is not None:
            model_id = read_id(table.c.model_entry_id, model_id)
            if model_id is None:
                return []
        for column, value in (("environment", environment), ("model_entry_id", model_id), ("status", status)):
            if value is not None:
                query = query.where(table.c[column] == value)
        if before is not None:
            query = query.where(comes_after(table, *before))
        if limit is not None:
            query = query.limit(limit)
        return self.database.read(lambda connection: self._join(connection, connection.execute(query).all()))

    def find_endpoint(self, identity: str) -> EndpointRows | None:
        """One by its id; None where there is none."""
        table = self.tables["serving_endpoints"]
        query = select(table).where(has_id(table, identity))
        found = self.database.read(lambda connection: self._join(connection, connection.execute(query).all()))
        return found[0] if found else None

    def list_places(self) -> list[tuple[str, str]]:
        """Id and environment of every endpoint, and nothing else of it."""
        table = self.tables["serving_endpoints"]
        query = select(table.c.id, table.c.environment)
        return self.database.read(
            lambda connection: [(str(identity), str(place)) for identity, place in connection.execute(query)]
        )

    def find_endpoints(self, identities: Sequence[str]) -> list[EndpointRows]:
        """Several by their ids."""
        table = self.tables["serving_endpoints"]
        known = sorted(filter(None, (read_id(table.c.id, identity) for identity in identities)))

        def work(connection: Connection) -> list[EndpointRows]:
            parts = (select(table).where(table.c.id.in_(part)) for part in split_ids(known))
            return [rows for query in parts for rows in self._join(connection, connection.execute(query).all())]

        return self.database.read(work)

    def find_model(self, identity: str) -> Mapping[str, Any] | None:
        """A catalogue entry by its id."""
        table = self.tables["model_catalog_entries"]
        query = select(table).where(has_id(table, identity))
        row = self.database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else read_row(row)

    def list_models(self) -> list[Mapping[str, Any]]:
        """The whole catalogue, by name and version."""
        table = self.tables["model_catalog_entries"]
        query = select(table).order_by(table.c.name, table.c.version)
        return self.database.read(lambda connection: [read_row(row) for row in connection.execute(query)])

    def add(self, name: str, values: Mapping[str, Any]) -> None:
        """A new row of a table; columns that it does not have are passed over."""
        table, given = self.tables[name], fit_values(self.tables[name], values)
        same = [table.c[key] == given[key] for key in ("id", *_AUDITED) if given.get(key) is not None]

        def work(connection: Connection, again: bool) -> None:
            if not (again and same and connection.execute(select(table.c[next(iter(given))]).where(*same)).first()):
                connection.execute(insert(table).values(**given))

        self.database.write(once(work))

    def adding(self, name: str, values: Mapping[str, Any]) -> Callable[[Connection], None]:
        """The same as part of another transaction."""
        table = self.tables[name]

        def work(connection: Connection) -> None:
            connection.execute(insert(table).values(**fit_values(table, values)))

        return work

    def remove_endpoint(self, identity: str) -> None:
        """Take an endpoint's row away; its deployment goes with it."""
        table = self.tables["serving_endpoints"]
        self.database.write(lambda connection: connection.execute(delete(table).where(has_id(table, identity))))

    def swap(
        self,
        name: str,
        identity: str,
        expected: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        also: Callable[[Connection], object] = lambda _: None,
    ) -> bool:
        """Change columns of a row that still says what is expected; False where it says something else by now.

        Columns that the table does not have are passed over. A row that says already what it should counts as changed:
        the answer to an earlier attempt may have been lost. `also` is done in the same transaction.
        """
        table = self.tables[name]
        given = fit_values(table, values)

        def work(connection: Connection) -> bool:
            query = select(table).where(has_id(table, identity))
            row = connection.execute(query if self.database.is_sqlite else query.with_for_update()).one_or_none()
            if row is None:
                return False
            plain = read_row(row)
            is_done = all(plain[key] == value for key, value in values.items() if key in plain)
            if not is_done and any(plain[key] != value for key, value in expected.items() if key in plain):
                return False
            if given and not is_done:
                connection.execute(update(table).where(has_id(table, identity)).values(**given))
            also(connection)
            return True

        return self.database.write(work)

    def touch(self, identities: Sequence[str], moment: datetime) -> None:
        """Move `last_health_check` of many endpoints, a thousand by each statement."""
        table = self.tables["serving_endpoints"]
        if "last_health_check" not in table.c:
            return
        known = sorted(filter(None, (read_id(table.c.id, identity) for identity in identities)))
        for part in split_ids(known):
            query = update(table).where(table.c.id.in_(part)).values(last_health_check=moment)
            self.database.write(lambda connection, query=query: connection.execute(query))  # type: ignore[misc]

    def audit(
        self,
        actor: str,
        action: str,
        resource: tuple[str, str],
        *,
        allowed: bool,
        details: Mapping[str, Any] | None = None,
        within: Connection | None = None,
    ) -> None:
        """One line of the audit: who did, or wanted to do, what to which resource (type and id).

        `within`: as part of this transaction.
        """
        if within is not None and "tables" not in self.__dict__:  # a second connection might have to be waited for
            self.tables = self._reflect(within)
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
        if column is not None and isinstance(column.type, Uuid | String | LooseIdentity):
            values["id"] = str(uuid.uuid4())
        if within is None:
            self.add("audit_logs", values)
        else:
            self.adding("audit_logs", values)(within)

    def read_audit(self, limit: int = 100) -> list[Mapping[str, Any]]:
        """The newest lines of the audit, newest first."""
        table = self.tables["audit_logs"]
        query = select(table).order_by(table.c.occurred_at.desc()).limit(limit)
        return self.database.read(lambda connection: [read_row(row) for row in connection.execute(query)])

    def _join(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[EndpointRows]:
        endpoints = [read_row(row) for row in rows]
        wanted = {row["model_entry_id"] for row in endpoints if row["model_entry_id"] is not None}
        models = self._by(connection, "model_catalog_entries", "id", wanted)
        ids = {row["id"] for row in endpoints}
        deployments = self._by(connection, "serving_deployments", "serving_endpoint_id", ids)
        return [
            EndpointRows(row, models.get(row["model_entry_id"], {}), deployments.get(row["id"])) for row in endpoints
        ]

    def _by(self, connection: Connection, name: str, key: str, wanted: set[str]) -> dict[str, Mapping[str, Any]]:
        """Rows by a key; where several have the same one, the newest."""
        table = self.tables[name]
        query = select(table).order_by(*(column for column in table.c if column.name == "created_at"))
        return {
            str(row[key]): row
            for part in split_ids(sorted(wanted))
            for row in map(read_row, connection.execute(query.where(table.c[key].in_(part))))
        }


def _without_times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not isinstance(value, datetime)}
