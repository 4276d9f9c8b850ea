"""Rows of the platform into endpoint files.

Owns: which files an import writes, and that it overwrites none without being asked. Refuses: reading rows
(`spec.platform_rows`) and committing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from generator.errors import NotFound, Violation
from generator.render.canonical import emit_yaml
from generator.service.editor import editor_hint
from generator.service.fleet import EndpointRef, Fleet
from generator.spec.platform_rows import ImportedEndpoint, read_rows


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What becomes of one row: written, unchanged, kept (there is another file already), or failed with reasons."""

    id: str
    environment: str
    name: str
    outcome: Literal["written", "unchanged", "kept", "failed"]
    path: str = ""
    content: bytes = b""
    problems: tuple[Violation, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "id": self.id,
            "environment": self.environment,
            "endpoint": self.name,
            "outcome": self.outcome,
            "file": self.path,
            "warnings": list(self.warnings),
            "problems": [problem.to_dict() for problem in self.problems],
        }


def import_rows(fleet: Fleet, rows: Any, file: str, *, overwrite: bool) -> Iterator[ImportedFile]:
    """One result a row, in their order. InvalidInput where the whole holds no rows."""
    known: dict[str, Violation | None] = {}
    for row in read_rows(rows, file):
        if row.data is None:
            yield _failed(row, row.problems)
            continue
        missing = known.setdefault(row.environment, _missing_environment(fleet, row.environment, file))
        if missing is not None:
            yield _failed(row, (missing,))
            continue
        yield _place(fleet, row, row.data, overwrite=overwrite)


def count_rows(rows: Any) -> int:
    """How many endpoints a file of rows tells of."""
    endpoints = rows.get("endpoints") if isinstance(rows, dict) else None
    return len(endpoints) if isinstance(endpoints, list) else 0


def _place(fleet: Fleet, row: ImportedEndpoint, data: Mapping[str, Any], *, overwrite: bool) -> ImportedFile:
    ref = EndpointRef(row.environment, row.name)
    found = fleet.find_file(ref)
    path = found[0] if found else fleet.layout.endpoint_files(ref.environment, ref.name)[0]
    content = endpoint_text(path, data).encode()
    if found is not None and found[1] == content:
        return ImportedFile(row.id, row.environment, row.name, "unchanged", path)
    if found is not None and not overwrite:
        problem = Violation("is there already and differs from the row", "--overwrite replaces it", "", path)
        return ImportedFile(row.id, row.environment, row.name, "kept", path, problems=(problem,))
    return ImportedFile(row.id, row.environment, row.name, "written", path, content, warnings=row.warnings)


def _failed(row: ImportedEndpoint, problems: tuple[Violation, ...]) -> ImportedFile:
    return ImportedFile(row.id, row.environment, row.name, "failed", problems=problems, warnings=row.warnings)


def _missing_environment(fleet: Fleet, environment: str, file: str) -> Violation | None:
    try:
        fleet.environment(environment)
    except NotFound as error:
        return Violation(error.message, error.hint, "environment", file)
    return None


def endpoint_text(path: str, data: Mapping[str, Any]) -> str:
    """A new endpoint file, with the hint that lets an editor check and complete it."""
    return editor_hint(path, "endpoint") + emit_yaml(data)
