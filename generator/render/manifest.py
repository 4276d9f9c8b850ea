"""Kubernetes objects of one endpoint, as values.

Owns: Manifest and ManifestSet. Refuses: how they are made (`render`), stamped (`stamp`) or compared (`diff`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object. `body` is plain JSON data and is never changed in place."""

    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The object's kind, such as `Deployment`."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.body["metadata"]["name"])

    @property
    def file_name(self) -> str:
        """The file that holds it: its kind in lower case."""
        return f"{self.kind.lower()}.yaml"


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """All objects of one endpoint, at most one of a kind, in the order in which they are applied."""

    manifests: tuple[Manifest, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __iter__(self) -> Iterator[Manifest]:
        return iter(self.manifests)

    def __len__(self) -> int:
        return len(self.manifests)

    def get(self, kind: str) -> Manifest | None:
        """The object of this kind, or None."""
        return next((manifest for manifest in self.manifests if manifest.kind == kind), None)
