"""Where each value of an endpoint comes from, and the manifest lines it ends in.

Owns: the explanation of one endpoint. Refuses: changing anything, and how it is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

from pydantic import BaseModel

from generator.errors import Violation
from generator.service.explained_fields import FIELDS, FILE_ONLY, find_fields, list_fields
from generator.service.explained_lines import ManifestLine, RenderedLines
from generator.service.fleet import EndpointFile, EndpointRef, Fleet
from generator.service.trace import get_value
from generator.spec.document import Document, Path
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import Origin, ResolvedEndpoint
from generator.spec.rules import check_endpoint

_DERIVED = {
    "rollout": Origin("rule", "from replicas, GPUs and the environment's spareGpus"),
    "images": Origin("environment", note="goes with the image"),
}
_MERGED = frozenset({"pod", "routing"})
_SECTIONS = frozenset({"autoscaling", "deployment"})
"""Sections whose own origin says nothing about a field in them."""


@dataclass(frozen=True, slots=True)
class ExplainedField:
    """One field. `effect` says what it does where it ends in no manifest; `value` is plain data."""

    name: str
    value: Any
    origin: Origin
    manifests: tuple[ManifestLine, ...] = ()
    effect: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "field": self.name,
            "value": self.value,
            "origin": {"source": self.origin.source, "place": self.origin.place, "note": self.origin.note},
            "manifests": [line.to_dict() for line in self.manifests],
            "effect": self.effect,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """All fields that were asked for, and why the endpoint cannot be deployed, where it cannot.

    Without `is_resolved` a value is missing that nobody can make up, and the fields are only those of the file.
    """

    ref: EndpointRef
    fields: tuple[ExplainedField, ...]
    violations: tuple[Violation, ...]
    is_resolved: bool


def explain_endpoint(
    fleet: Fleet, ref: EndpointRef, field: str | None = None, aliases: Mapping[str, str] | None = None
) -> Explanation:
    """Explain all fields that have a value, or those that `field` means. NotFound for an unknown one."""
    file = fleet.endpoint_file(ref)
    environment, environment_document = fleet.environment(ref.environment)
    resolution = resolve_endpoint(file.endpoint, file.document, environment, environment_document)
    resolved = resolution.endpoint
    wanted = find_fields(field, resolved, aliases or {}) if field is not None else None
    if resolved is None:
        return Explanation(ref, tuple(_file_fields(file, wanted)), resolution.violations, is_resolved=False)
    violations = check_endpoint(resolved, file.document, environment, environment_document).violations
    book = RenderedLines(fleet, ref, resolved)
    found = [*_explain_resolved(resolved, file, environment_document, book, wanted), *_file_only(file, wanted)]
    return Explanation(ref, tuple(found), (*violations, *book.violations), is_resolved=True)


def _explain_resolved(
    resolved: ResolvedEndpoint,
    file: EndpointFile,
    shared: Document,
    book: RenderedLines,
    wanted: tuple[str, ...] | None,
) -> Iterable[ExplainedField]:
    for field in list_fields(resolved):
        value = plain_value(get_value(resolved, field.path))
        if (value in (None, "", {}, [])) if wanted is None else field.name not in wanted:
            continue
        lines = book.find_lines(field)
        effect = "" if lines else book.missing or field.effect or "kept in the file only"
        if value is None and lines:
            effect = "not set; it would end here"
        yield ExplainedField(field.name, value, find_origin(field.name, resolved, file.document, shared), lines, effect)


def _file_only(file: EndpointFile, wanted: tuple[str, ...] | None) -> Iterable[ExplainedField]:
    for name, effect in FILE_ONLY.items():
        path = ("spec", name)
        given = path in file.document.places
        if given if wanted is None else name in wanted:
            value = (file.document.data.get("spec") or {}).get(name)
            origin = _place(file.document, path) if given else Origin("default", note="not set")
            yield ExplainedField(name, value, origin, (), effect)


def _file_fields(file: EndpointFile, wanted: tuple[str, ...] | None) -> Iterable[ExplainedField]:
    """What the file alone says; no value can be resolved."""
    for name in (*(field.name for field in FIELDS), *FILE_ONLY):
        path = _given_path(name, file.document)
        if path is not None and (wanted is None or name in wanted):
            value: Any = file.document.data
            for part in path:
                value = value[part]
            yield ExplainedField(name, value, _place(file.document, path), (), "nothing is rendered")


def _given_path(name: str, document: Document) -> Path | None:
    parts = tuple(name.split("."))
    paths = (("metadata", *parts), ("spec", *parts))
    return next((path for path in paths if path in document.places), None)


def _place(document: Document, path: Path) -> Origin:
    return Origin("file", f"{document.file}:{document.place(path).line}")


def find_origin(name: str, resolved: ResolvedEndpoint, document: Document, shared: Document) -> Origin:
    """The recorded origin, the field's own place in the file, or that of what it belongs to."""
    own, path = _given_path(name, document), ("spec", *name.split("."))
    head = name.split(".")[0]
    found = resolved.origins.get(name)
    if found is None and own is not None:
        found = _place(document, own)
    if found is None and path in shared.places:
        found = Origin("environment", f"{shared.file}:{shared.place(path).line}")
    if found is None:
        found = _DERIVED.get(head) or (None if head in _SECTIONS else resolved.origins.get(head))
    if found is None:
        return Origin("default", note="not set")
    if found.source == "file" and head in _MERGED and path in shared.places and _is_merged(shared.data, path):
        return Origin(found.source, found.place, f"with {shared.file}:{shared.place(path).line}")
    return found


def _is_merged(data: Any, path: Path) -> bool:
    """Whether the environment's value is one that an endpoint's is laid over key by key."""
    for part in path:
        data = data[part]
    return isinstance(data, Mapping) or path[-1] == "env"


def plain_value(value: Any) -> Any:
    """A value as plain JSON data; Secrets are names and keys, never contents."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain_value(getattr(value, item.name)) for item in dataclass_fields(value)}
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    return [plain_value(item) for item in value] if isinstance(value, list | tuple) else value
