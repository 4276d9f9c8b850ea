"""From a plan to a commit: what the commit says, and who may make it.

Owns: the change of one endpoint that is handed to the broker. Refuses: moving refs and pushing (`gitops`).
"""

from __future__ import annotations

from dataclasses import dataclass

from generator import __version__
from generator.errors import InvalidInput, Refused
from generator.gitops.changes import Change, Proposal
from generator.gitops.identity import Actor
from generator.gitops.message import (
    ACTOR,
    ENDPOINT,
    ENVIRONMENT,
    GENERATOR,
    REQUEST_ID,
    REVISION,
    SPEC_DIGEST,
    CommitMessage,
)
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange
from generator.render.stamp import Stamp
from generator.service.committed_files import fleet_at
from generator.service.fleet import Fleet
from generator.service.layout import (
    REPOSITORY_FILE,
    is_stamp_path,
)
from generator.service.operations import Operation
from generator.service.plan import EndpointPlan, HighWater, PlanRequest

MOST_TRAILERS = 20
"""A commit of more endpoints than this names none of them in its trailers; their stamps say it all."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks, and why. `request_id` makes the change one that is carried out once."""

    request_id: str
    actor: Actor | None = None
    reason: str = ""


def high_water(repository: Repository, branch: str, tip: str | None) -> HighWater:
    """The highest revision of each stamp file in the branch's history, where a revert took it back."""

    def highest(path: str) -> int:
        blobs = repository.reverted(branch).find(tip, is_stamp_path).get(path, ())
        contents = repository.reverted(branch).read_contents(blobs)
        return max((_revision_in(content, path) for content in contents), default=0)

    return highest


def _revision_in(content: bytes, path: str) -> int:
    try:
        return Stamp.parse(content, path).revision
    except InvalidInput:
        return 0


@dataclass(slots=True)
class OperationChange:
    """An operation as the broker's change; `plan` is the one that was carried out, on the tip it met last.

    `base` gives the snapshot that revisions count from, where that is another branch than the one committed to.
    """

    repository: Repository
    branch: str
    operation: Operation
    author: Author
    base: Snapshot | None = None
    plan: EndpointPlan | None = None

    def change(self) -> Change:
        """What is handed to the broker."""
        return Change(self.author.request_id, self.build)

    def build(self, snapshot: Snapshot) -> Proposal | None:
        """One commit on this snapshot, or None where there is nothing to do."""
        tip = fleet_at(snapshot)
        base = fleet_at(self.base) if self.base else tip
        require_generator(tip)
        highest = high_water(self.repository, self.branch, (self.base or snapshot).commit)
        self.plan = plan = self.operation.plan(base, tip, PlanRequest(self.author.request_id, high_water=highest))
        if self.base is None and plan.outcome in ("changed", "deleted"):
            require_direct_commits(tip, (plan.ref.environment,))
        subject, body = _subject(self.operation.verb, plan), _body(self.author.reason, plan)
        message = CommitMessage(subject, body, list_trailers([plan], self.author))
        return Proposal(TreeChange(plan.writes, plan.deletes), message, self.author.actor)


def require_direct_commits(fleet: Fleet, environments: tuple[str, ...]) -> None:
    """Refused where an environment, as the tip has it, takes changes by pull request only."""
    for name in environments:
        if name in fleet.environment_names() and fleet.environment(name)[0].spec.policies.pull_request_required:
            raise Refused(
                f"{name} takes changes by pull request only (policies.pullRequestRequired)",
                hint="run it again with --branch NAME, and open a pull request from that branch",
            )


def require_generator(fleet: Fleet) -> None:
    """Refused where the repository pins another generator: two versions must not render in turn."""
    pinned = fleet.settings.spec.generator
    if pinned != __version__:
        raise Refused(
            f"the repository pins revstamp {pinned}, this is {__version__}",
            hint=f"install revstamp {pinned}, or set spec.generator in {REPOSITORY_FILE} to {__version__}",
        )


def _subject(verb: str, plan: EndpointPlan) -> str:
    revision = f" as r{plan.stamp.revision}" if plan.stamp and plan.outcome != "external" else ""
    source = f" = r{plan.stamp.restores}" if plan.stamp and plan.stamp.restores else ""
    return f"{plan.ref}: {verb}{revision}{source}"


def _body(reason: str, plan: EndpointPlan) -> str:
    from generator.render.report import endpoint_verdict

    lines = [reason.strip()] if reason.strip() else []
    if plan.diff is not None:
        lines.append(endpoint_verdict(plan.diff))
    return "\n\n".join(lines)


def list_trailers(plans: list[EndpointPlan], author: Author) -> tuple[tuple[str, str], ...]:
    """The commit's trailers; those of the endpoints only where they are few."""
    trailers = [(REQUEST_ID, author.request_id)]
    for plan in plans if len(plans) <= MOST_TRAILERS else ():
        trailers += [(ENDPOINT, plan.ref.name), (ENVIRONMENT, plan.ref.environment)]
        if plan.stamp is not None:
            trailers += [(REVISION, str(plan.stamp.revision)), (SPEC_DIGEST, plan.stamp.spec_digest)]
    trailers.append((GENERATOR, f"revstamp {__version__}"))
    if author.actor is not None:
        trailers.append((ACTOR, str(author.actor)))
    return tuple(trailers)
