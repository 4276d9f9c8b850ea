"""The lines of an endpoint's manifests that a field ends in.

Owns: the rendering as it is, or would be, committed, with the line of every value. Refuses: which value differs
(`trace`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator import __version__
from generator.errors import InvalidInput, RenderFailed, Violation
from generator.render.manifest import Manifest, ManifestSet
from generator.render.parse import Builder, parse_yaml
from generator.render.stamp import StampRequest, stamp_manifests
from generator.service.explained_fields import Field
from generator.service.fleet import EndpointRef, Fleet
from generator.service.trace import Differences, Tracer
from generator.spec.document import Path, dotted
from generator.spec.resolved import ResolvedEndpoint


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """A line of a rendered file; the path is empty where the whole object is meant."""

    file: str
    line: int
    path: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"file": self.file, "line": self.line, "path": self.path}


class RenderedLines:
    """The endpoint's rendering as it is or would be committed, with the line of every value in it."""

    def __init__(self, fleet: Fleet, ref: EndpointRef, resolved: ResolvedEndpoint) -> None:
        self._folder = fleet.layout.manifests_folder(ref.environment, ref.name)
        self._tracer: Tracer | None = None
        self._lines: dict[str, Mapping[Path, int]] = {}
        self.violations: tuple[Violation, ...] = ()
        self.missing = ""
        if resolved.is_external:
            self.missing = "the model is served elsewhere; nothing is deployed"
            return
        try:
            self._tracer = Tracer(resolved, fleet.templates)
        except RenderFailed as error:
            self.violations, self.missing = error.violations, "nothing can be rendered"
            return
        self._lines = {name: _read_lines(text) for name, text in _stamped_texts(fleet, ref, self._tracer).items()}

    def find_lines(self, field: Field) -> tuple[ManifestLine, ...]:
        """The lines that the field ends in; where it is not set, those around which it would."""
        found = self._tracer.trace(field) if self._tracer else Differences()
        places = found.changed or found.added
        return tuple(
            ManifestLine(f"{self._folder}/{name}", self._line(name, path), dotted(path)) for name, path in places
        )

    def _line(self, name: str, path: Path) -> int:
        lines = self._lines.get(name, {})
        return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 1)


def _read_lines(text: str) -> Mapping[Path, int]:
    builder = Builder(text)
    builder.document()
    return builder.lines


def _stamped_texts(fleet: Fleet, ref: EndpointRef, tracer: Tracer) -> Mapping[str, str]:
    """The files as the next commit would have them: those of the tree, where nothing changed."""
    previous: dict[str, Any] = {}
    for name, content in fleet.manifest_files(ref).items():
        try:
            previous[name] = parse_yaml(content.decode())
        except ValueError:
            previous[name] = None
    try:
        stamp = fleet.stamp(ref)
    except InvalidInput:
        stamp = None
    revision = stamp.revision + 1 if stamp else 1
    request = StampRequest(ref.environment, ref.name, revision, "explain", "", "", __version__)
    manifests = ManifestSet(tuple(Manifest(body) for body in tracer.bodies.values()))
    return stamp_manifests(manifests, previous, stamp, request).files
