"""What a pass over one endpoint is asked, and what it answers.

Owns: these values. Refuses: making the pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from generator.cluster.changes import Action, ChangeSet
from generator.cluster.kinds import WORKLOADS
from generator.errors import RevstampError

APPLIED = (Action.CREATED, Action.CONFIGURED, Action.UNCHANGED)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a pass treats what it meets; None: as the environment says."""

    heal: bool | None = None
    force: bool = False
    dry_run: bool = False
    prune: bool = True
    confirmed_prune: int = 0
    """Objects that may be pruned though the environment's limit is lower."""


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """What a pass did to one endpoint. `held`: why it has not been looked at, in words."""

    name: str
    commit: str
    revision: int
    pod_revision: int
    changes: ChangeSet = field(default_factory=ChangeSet)
    held: str = ""
    error: RevstampError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the cluster has all of what git wants of it."""
        return not self.held and self.error is None and self.changes.is_complete

    @property
    def waits_for_slot(self) -> bool:
        """Whether it only waits until other rollouts have ended."""
        return self.held.startswith(WAITING)

    @property
    def errors(self) -> tuple[RevstampError, ...]:
        """Everything that went wrong."""
        own = (self.error,) if self.error is not None else ()
        return (*own, *(change.error for change in self.changes.failed if change.error is not None))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "endpoint": self.name,
            "revision": self.revision,
            "podRevision": self.pod_revision,
            "complete": self.is_complete,
            "held": self.held,
            "objects": [change.to_dict() for change in self.changes],
            **({"error": self.error.to_dict()} if self.error else {}),
        }


WAITING = "waits for a rollout to end"


def is_rolled_out(changes: ChangeSet) -> bool:
    """Whether a workload is what git says: not one that the server refused, nor one that git no longer has."""
    return any(change.ref.kind in WORKLOADS and change.action in APPLIED for change in changes)
