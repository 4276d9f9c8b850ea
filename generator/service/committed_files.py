"""The files of one commit, as this room reads them.

Owns: a commit behind the port of trees, and what it says as a fleet. Refuses: changing anything; whoever only reads
imports nothing that plans or renders.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.gitops.snapshot import Snapshot
from generator.service.fleet import Fleet


@dataclass(frozen=True, slots=True)
class SnapshotTree:
    """A commit's files, through the port of this room."""

    snapshot: Snapshot

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None."""
        return self.snapshot.read(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        return tuple(sorted(entry.name for entry in self.snapshot.entries(folder)))


def fleet_at(snapshot: Snapshot) -> Fleet:
    """What a commit says."""
    return Fleet(SnapshotTree(snapshot))
