"""The ledger as lines of JSON, for other tools and for safe keeping.

Owns: the order and the form of the lines, and that all are of one moment. Refuses: the platform's tables, and plain
values that look like secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select, text

from generator.spec.plain_secrets import holds_plain_secret
from generator.store.database import Database
from generator.store.ledger import now
from generator.store.migrations import VERSION_TABLE
from generator.store.redeployment import to_json
from generator.store.tables import OWN

_BATCH = 500
_HIDDEN = "***"


def export_lines(database: Database) -> Iterator[str]:
    """A first line about the export, then a line a row of each of revstamp's tables; read as they are asked for."""
    with database.snapshot() as connection:
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
        yield _line({"export": "revstamp", "version": version, "at": to_json(now())})
        for table in OWN.sorted_tables:
            yield from _export_table(connection, table)


def _export_table(connection: Connection, table: Table) -> Iterator[str]:
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=_BATCH).execute(query):
        values = {key: _hide_secrets(to_json(value)) for key, value in row._mapping.items()}
        yield _line({"table": table.name, "row": values})


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _hide_secrets(value: Any) -> Any:
    """The value without what stands plainly where a reference to a Secret belongs: variables and flags."""
    if isinstance(value, list):
        return [_hide_argument(value[:index], item) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    name, plain = value.get("name"), value.get("value")
    if isinstance(name, str) and isinstance(plain, str) and holds_plain_secret(name, plain):
        return {**value, "value": _HIDDEN}
    return {
        key: _HIDDEN
        if key.isupper() and isinstance(item, str) and holds_plain_secret(key, item)
        else _hide_secrets(item)
        for key, item in value.items()
    }


def _hide_argument(before: list[Any], item: Any) -> Any:
    """One of a list: a value that follows its flag, or `--flag=value`."""
    if not isinstance(item, str):
        return _hide_secrets(item)
    flag = before[-1] if before else ""
    if isinstance(flag, str) and flag.startswith("--") and not item.startswith("--") and holds_plain_secret(flag, item):
        return _HIDDEN
    name, given, plain = item.partition("=")
    return f"{name}={_HIDDEN}" if given and name.startswith("--") and holds_plain_secret(name, plain) else item
