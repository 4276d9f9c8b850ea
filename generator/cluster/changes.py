"""What a pass did to each object.

Owns: the change set that apply, prune and adopt report. Refuses: doing anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from generator.cluster.drift import Drift
from generator.cluster.kinds import ObjectRef
from generator.errors import RevstampError


class Action(StrEnum):
    """What became of one object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object and what became of it; `reason` says why where that is not plain, `error` is there for FAILED."""

    ref: ObjectRef
    action: Action
    reason: str = ""
    error: RevstampError | None = None
    drift: tuple[Drift, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.ref.kind.name,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "action": self.action.value,
            "reason": self.reason,
            "drift": [item.to_dict() for item in self.drift],
            **({"error": self.error.to_dict()} if self.error else {}),
        }

    def __str__(self) -> str:
        return f"{self.ref} {self.action}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What became of the objects of one endpoint, in the order in which they were seen to."""

    changes: tuple[ObjectChange, ...] = field(default=())

    def __iter__(self) -> Iterator[ObjectChange]:
        return iter(self.changes)

    def __add__(self, other: ChangeSet) -> ChangeSet:
        return ChangeSet(self.changes + other.changes)

    def count(self, *actions: Action) -> int:
        """How many objects ended so."""
        return sum(change.action in actions for change in self.changes)

    @property
    def failed(self) -> tuple[ObjectChange, ...]:
        """What could not be brought to what git says."""
        return tuple(change for change in self.changes if change.action is Action.FAILED)

    @property
    def drift(self) -> tuple[Drift, ...]:
        """What was changed by hand, of all objects."""
        return tuple(drift for change in self.changes for drift in change.drift)

    @property
    def is_complete(self) -> bool:
        """Whether the cluster now has what git says: nothing failed, nothing was put off."""
        return not self.count(Action.FAILED, Action.SKIPPED)

    @property
    def touched(self) -> bool:
        """Whether anything was written."""
        return bool(self.count(Action.CREATED, Action.CONFIGURED, Action.PRUNED))
