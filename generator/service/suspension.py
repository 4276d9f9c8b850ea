"""Suspending an environment or an endpoint, and resuming it: a line in its file.

Owns: that line. Refuses: stopping pods; what is suspended goes on as it is, the reconciler leaves it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from generator.gitops.changes import Change, Proposal
from generator.gitops.message import ENVIRONMENT, REQUEST_ID, CommitMessage
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange
from generator.service.commit import Author, require_direct_commits, require_generator
from generator.service.committed_files import fleet_at
from generator.service.operations import PatchOperation
from generator.spec.document import Path
from generator.spec.patch import Patch, edit_text
from generator.spec.validate import load_environment

_LINE: Path = ("spec", "suspend")


def suspension_patch(*, suspend: bool) -> Patch:
    """The patch on an endpoint's or environment's file."""
    return Patch({_LINE: True}) if suspend else Patch(clears=frozenset({_LINE}))


def suspend_endpoint(target: str, *, suspend: bool) -> PatchOperation:
    """The operation on one endpoint; it makes no revision."""
    return PatchOperation(target, suspension_patch(suspend=suspend), verb="suspend" if suspend else "resume")


@dataclass(slots=True)
class EnvironmentSuspension:
    """The change of an environment's file, for the broker. `changed` says whether there was anything to do."""

    environment: str
    suspend: bool
    author: Author
    direct: bool = True
    """Whether it goes straight to the delivery branch, which the environment may forbid."""
    changed: bool = field(default=False)

    def change(self) -> Change:
        """What is handed to the broker."""
        return Change(self.author.request_id, self.build)

    def build(self, snapshot: Snapshot) -> Proposal | None:
        """One commit on this snapshot, or None where it is so already. NotFound where there is no such environment."""
        fleet = fleet_at(snapshot)
        require_generator(fleet)
        environment, _ = fleet.environment(self.environment)
        self.changed = environment.spec.suspend is not self.suspend
        if not self.changed:
            return None
        if self.direct:
            require_direct_commits(fleet, (self.environment,))
        path = fleet.layout.environment_file(self.environment)
        text = (fleet.tree.read(path) or b"").decode()
        content = edit_text(text, suspension_patch(suspend=self.suspend)).encode()
        load_environment(content, path)
        verb = "suspend" if self.suspend else "resume"
        trailers = ((REQUEST_ID, self.author.request_id), (ENVIRONMENT, self.environment))
        message = CommitMessage(f"{self.environment}: {verb}", self.author.reason.strip(), trailers)
        return Proposal(TreeChange({path: content}, frozenset()), message, self.author.actor)
