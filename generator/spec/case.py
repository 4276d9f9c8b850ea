"""One endpoint under the rules.

Owns: what every rule is given, and how a violation points into the endpoint's file. Refuses: the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from generator.errors import Violation
from generator.spec.document import Document, Path, dotted
from generator.spec.environment import Environment
from generator.spec.resolved import ResolvedEndpoint


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint under the rules, with the file that its violations point into."""

    endpoint: ResolvedEndpoint
    document: Document
    environment: Environment

    def wrong(self, path: str | Path, message: str, fix: str, code: str) -> Violation:
        """A violation at a path below `spec`, dotted or not; at the environment's line if it gave the value."""
        parts: Path = tuple(path.split(".")) if isinstance(path, str) else path
        violation = self.document.violation(("spec", *parts), message, fix, code)
        origin = self.endpoint.origins.get(dotted(parts))
        if origin is None or origin.source != "environment":
            return violation
        file, _, line = origin.place.rpartition(":")
        return replace(violation, file=file, line=int(line), column=1) if file and line.isdigit() else violation


Rule = Callable[[Case], Iterator[Violation]]
Warn = Callable[[Case], Iterator[str]]
