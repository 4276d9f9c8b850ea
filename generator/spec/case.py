"""One endpoint under the rules.

Owns: what every rule is given, and how a violation points into the endpoint's file. Refuses: the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from generator.errors import Violation
from generator.spec.document import Document, Path, dotted
from generator.spec.environment import Environment
from generator.spec.resolved import Origin, ResolvedEndpoint


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint under the rules, with the files that its violations point into."""

    endpoint: ResolvedEndpoint
    document: Document
    environment: Environment
    environment_document: Document | None = None

    def wrong(self, path: str | Path, message: str, fix: str, code: str) -> Violation:
        """A violation at a path below `spec`, dotted or not; at the environment's line if it gave the value."""
        parts: Path = tuple(path.split(".")) if isinstance(path, str) else path
        violation = self.document.violation(("spec", *parts), message, fix, code)
        origin = self.origin(parts)
        if origin is None or origin.source != "environment":
            return violation
        file, _, line = origin.place.rpartition(":")
        return replace(violation, file=file, line=int(line), column=1) if file and line.isdigit() else violation

    def wrong_variable(self, name: str, message: str, fix: str, code: str) -> Violation:
        """A violation at a variable of `pod.env`: the endpoint's own, else the environment's."""
        document = self.document
        path = _find_variable(document, name)
        if path is None and self.environment_document is not None:
            document = self.environment_document
            path = _find_variable(document, name)
        return document.violation(path or ("spec", "pod", "env"), message, fix, code)

    def origin(self, path: Path) -> Origin | None:
        """Where the value below `spec` came from, or the nearest section around it that came from one place."""
        lengths = range(len(path), 0, -1)
        found = (self.endpoint.origins.get(dotted(path[:length])) for length in lengths)
        return next((origin for origin in found if origin is not None), None)


def _find_variable(document: Document, name: str) -> Path | None:
    for index, variable in enumerate(document.at(("spec", "pod", "env")) or ()):
        if variable["name"] == name:
            return ("spec", "pod", "env", index)
    return None


Rule = Callable[[Case], Iterator[Violation]]
Warn = Callable[[Case], Iterator[str]]
