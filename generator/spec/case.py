"""One endpoint under the rules.

Owns: what every rule is given, and how a violation points into the endpoint's file. Refuses: the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from generator.errors import Violation
from generator.spec.document import Document, Path
from generator.spec.environment import Environment
from generator.spec.resolved import ResolvedEndpoint


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint under the rules, with the file that its violations point into."""

    endpoint: ResolvedEndpoint
    document: Document
    environment: Environment

    def wrong(self, path: str, message: str, fix: str, code: str) -> Violation:
        """A violation at a dotted path below `spec`."""
        full: Path = ("spec", *path.split("."))
        return self.document.violation(full, message, fix, code)


Rule = Callable[[Case], Iterator[Violation]]
Warn = Callable[[Case], Iterator[str]]
