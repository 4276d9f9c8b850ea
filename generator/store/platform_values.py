"""Values of the platform's rows: how they are read, compared and written, whatever its columns really are.

Owns: types of columns, ids as text, times with their zone, what comes after what in a list. Refuses: statements.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, false
from sqlalchemy.types import JSON, TypeEngine, Uuid

from generator.store.types import Identity, LooseIdentity, LooseMoment, Moment

_BATCH = 1000
"""Rows that one statement names: neither database takes any number of them."""


def choose_type(column: Column[Any], known: Column[Any] | None, *, is_sqlite: bool) -> TypeEngine[Any]:
    """How a column is read and written: as the database has it, and so that one odd value hides nothing else."""
    if is_sqlite and known is not None:
        if isinstance(known.type, Uuid):
            return LooseIdentity()
        return LooseMoment() if isinstance(known.type, Moment) else known.type
    if isinstance(column.type, Uuid):
        return Identity
    if isinstance(column.type, JSON):
        column.type.none_as_null = True
    return column.type


def comes_after(table: Table, moment: datetime | None, last: str) -> ColumnElement[bool]:
    """What follows an endpoint in the list: older ones, and at last those without a time."""
    created, identity = table.c.created_at, table.c.id
    last_id = read_id(identity, last) or ""
    if moment is None:
        return created.is_(None) & (identity < last_id)
    return (created < moment) | ((created == moment) & (identity < last_id)) | created.is_(None)


def has_id(table: Table, identity: str) -> ColumnElement[bool]:
    """The row of that id; no row where it cannot be one."""
    known = read_id(table.c.id, identity)
    return false() if known is None else table.c.id == known


def read_id(column: Column[Any], text: str) -> str | None:
    """The id as its column compares it; None where the column can hold no such id."""
    if not isinstance(column.type, Uuid | LooseIdentity):
        return text
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def split_ids(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many as one statement may name."""
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def read_row(row: Row[Any]) -> dict[str, Any]:
    """Ids as text, times with their zone."""
    return {key: _read_value(value) for key, value in row._mapping.items()}


def _read_value(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def fit_values(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values whose columns the table has, as these want them."""
    return {key: _fit_value(table.c[key].type, value) for key, value in values.items() if key in table.c}


def _fit_value(kind: Any, value: Any) -> Any:
    """A text that is no id becomes none, where the column takes only ids."""
    if isinstance(kind, Uuid) and value is not None:
        try:
            return str(uuid.UUID(str(value)))
        except ValueError:
            return None
    return value
