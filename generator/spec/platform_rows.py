"""The platform's rows, turned into endpoint files.

Owns: the tables, and what is wrong with a row. Refuses: which column becomes which field (that is `row_fields`),
writing files, and judging whether the endpoint can be deployed: one that cannot is brought along too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from generator.errors import InvalidInput, Violation
from generator.spec.document import Document, dotted
from generator.spec.endpoint import Endpoint
from generator.spec.names import endpoint_name, is_dns_label, read_uuid
from generator.spec.plain_data import find_unplain
from generator.spec.row_fields import endpoint_data
from generator.spec.text import shown
from generator.spec.validate import violations_of


@dataclass(frozen=True, slots=True)
class ImportedEndpoint:
    """One endpoint row: the data of its file, or why there is none. `id` is the row's, as it stands there."""

    id: str
    environment: str
    name: str
    data: Mapping[str, Any] | None
    problems: tuple[Violation, ...] = ()
    warnings: tuple[str, ...] = ()


def read_rows(rows: Any, file: str) -> Iterator[ImportedEndpoint]:
    """Endpoints of `{"models": […], "endpoints": […], "deployments": […]}`; a bad row spoils only itself.

    InvalidInput where the whole is not of that shape.
    """
    if not isinstance(rows, Mapping) or not isinstance(rows.get("endpoints"), list):
        hint = 'export the tables as {"models": [...], "endpoints": [...], "deployments": [...]}'
        raise InvalidInput(f"{file} holds no rows of the platform", hint=hint)
    tables = Tables(file, _table(rows, "models", "id", file), _table(rows, "deployments", "serving_endpoint_id", file))
    seen: dict[tuple[str, str], str] = {}
    for index, row in enumerate(rows["endpoints"]):
        where = f"endpoints[{index}]"
        imported = tables.import_row(row, where)
        keys = (("id", _uuid(imported.id) or where), (imported.environment, imported.name or where))
        firsts = {seen.setdefault(key, where) for key in keys}
        if firsts != {where}:
            problem = Violation(f"is {min(firsts)} again: {imported.name}", "remove one of them", where, file)
            imported = ImportedEndpoint(imported.id, imported.environment, imported.name, None, (problem,))
        yield imported


def _table(rows: Mapping[str, Any], name: str, key: str, file: str) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of a table by an id, spelt in one way; rows without one cannot be referred to."""
    table = rows.get(name)
    if table is not None and not isinstance(table, list):
        raise InvalidInput(f"{file}: {name} is not a list of rows", hint=f'write "{name}": [...]')
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in table or ():
        identity = _uuid(row.get(key)) if isinstance(row, Mapping) else None
        if identity is not None:
            found.setdefault(identity, []).append(row)
    return found


def _uuid(value: Any) -> str | None:
    try:
        return read_uuid(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class _BadRow(Exception):
    """A row that cannot be understood: column, what is wrong, what would be right."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Models by id and deployments by endpoint, to which endpoint rows refer."""

    file: str
    models: Mapping[str, list[Mapping[str, Any]]]
    deployments: Mapping[str, list[Mapping[str, Any]]]

    def import_row(self, row: Any, where: str) -> ImportedEndpoint:
        """One endpoint row as an endpoint file, or what is wrong with it."""
        if not isinstance(row, Mapping):
            return ImportedEndpoint("", "", "", None, (Violation("is not a row", "", where, self.file),))
        identity, environment = (
            value if isinstance(value := row.get(key), str) else "" for key in ("id", "environment")
        )
        known = _uuid(row.get("id"))
        name = endpoint_name(known) if known else ""
        warnings: list[str] = []
        try:
            data = self._read(row, warnings)
        except _BadRow as bad:
            column, message, fix = bad.args
            problem = Violation(message, fix, f"{where}.{column}", self.file)
            return ImportedEndpoint(identity, environment, name, None, (problem,))
        problems = self._check(data, where)
        return ImportedEndpoint(
            identity, environment, name, None if problems else data, problems, () if problems else tuple(warnings)
        )

    def _read(self, row: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
        identity, environment = _uuid(row.get("id")), row.get("environment")
        if identity is None:
            raise _BadRow("id", f"the id {shown(row.get('id'))} is not a UUID", "correct the row")
        if not isinstance(environment, str) or not is_dns_label(environment):
            raise _BadRow("environment", f"{shown(environment)} is not an environment's name", "correct the row")
        model = self._one(self.models, row.get("model_entry_id"), "model_entry_id", "model")
        if model is None:
            message = f"no model has the id {shown(row.get('model_entry_id'))}"
            raise _BadRow("model_entry_id", message, "export the model's row too")
        deployment = self._one(self.deployments, identity, "id", "deployment")
        for column, value in (("", row), ("model_entry_id", model), ("id", deployment)):
            _check_plain(column, value)
        return endpoint_data(identity, row, model, deployment or {}, warnings)

    def _one(self, table: Mapping[str, Any], key: Any, column: str, kind: str) -> Mapping[str, Any] | None:
        """The one row with this id, None where there is none; the same row twice is one row."""
        found = table.get(_uuid(key) or "", ())
        if any(row != found[0] for row in found[1:]):
            raise _BadRow(column, f"{len(found)} {kind} rows belong to {key}", "remove all but one of them")
        return found[0] if found else None

    def _check(self, data: Mapping[str, Any], where: str) -> tuple[Violation, ...]:
        try:
            Endpoint.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            found = violations_of(error, Endpoint, Document(self.file, data))
            return tuple(Violation(v.message, v.fix, f"{where}: {v.path}", self.file, code=v.code) for v in found)
        return ()


def _check_plain(column: str, row: Mapping[str, Any] | None) -> None:
    found = find_unplain(dict(row or {}))
    if found is not None:
        path, problem = found
        raise _BadRow(dotted((column, *path) if column else path), problem, "correct the row")
