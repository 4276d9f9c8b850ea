"""A person's edits as a commit: what becomes of each endpoint that they touch.

Owns: the change that `revstamp commit` hands to the broker. Refuses: moving refs and pushing (`gitops`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from generator.errors import InvalidInput, NotFound, Refused, Violation
from generator.gitops.changes import Change, Proposal
from generator.gitops.message import CommitMessage
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange
from generator.service.commit import (
    MOST_TRAILERS,
    Author,
    high_water,
    list_trailers,
    require_direct_commits,
    require_generator,
)
from generator.service.committed_files import SnapshotTree
from generator.service.fleet import EndpointRef, Fleet, read_endpoint_file
from generator.service.layout import ENVIRONMENTS, REPOSITORY_FILE, TEMPLATES, endpoint_of_path
from generator.service.plan import EndpointPlan, PlanRequest, plan_change, plan_deletion
from generator.service.touched import find_touched
from generator.service.tree import OverlayTree

LONGEST_SUBJECT = 200
"""Characters of a reason's first line that becomes a commit's subject; a longer one goes into the text."""


@dataclass(frozen=True, slots=True)
class EditedEndpoint:
    """What became of one endpoint in a commit of edits, without the weight of its plan."""

    ref: EndpointRef
    outcome: str
    base_revision: int | None
    revision: int | None
    summary: str
    downtime: str = ""
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "endpoint": self.ref.name,
            "environment": self.ref.environment,
            "outcome": self.outcome,
            "baseRevision": self.base_revision,
            "revision": self.revision,
            "summary": self.summary,
            "downtime": self.downtime,
            "warnings": list(self.warnings),
            "notices": list(self.notices),
            "violations": [violation.to_dict() for violation in self.violations],
        }


@dataclass(slots=True)
class EditsChange:
    """A person's edits of sources as the broker's change. `everything` renders all endpoints, not only those touched.

    `progress` is told how many endpoints are planned and how many there are. `plans` keeps no more than `most_plans`
    whole plans: those of a large fleet would fill the memory.
    """

    repository: Repository
    branch: str
    edits: TreeChange
    author: Author
    everything: bool = False
    base: Snapshot | None = None
    progress: Callable[[int, int], None] | None = None
    most_plans: int = MOST_TRAILERS + 1
    endpoints: list[EditedEndpoint] = field(default_factory=list)
    plans: list[EndpointPlan] = field(default_factory=list)

    def change(self) -> Change:
        """What is handed to the broker."""
        return Change(self.author.request_id, self.build)

    def build(self, snapshot: Snapshot) -> Proposal | None:
        """One commit on this snapshot, or None where there is nothing to do."""
        tip = self.base or snapshot
        edits = self.edits
        after = Fleet(OverlayTree(SnapshotTree(snapshot), edits.writes, edits.deletes))
        base = Fleet(SnapshotTree(tip), successor=after)
        require_generator(after)
        request = PlanRequest(self.author.request_id, high_water=high_water(self.repository, self.branch, tip.commit))
        writes, deletes = dict(edits.writes), set(edits.deletes)
        self.endpoints, self.plans = [], []
        refused: list[Violation] = []
        for plan in plan_edits(base, after, edits, request, everything=self.everything, progress=self.progress):
            if plan.violations and plan.base_stamp is not None and _is_own_edit(plan, edits):
                refused += plan.violations
            if plan.outcome != "unchanged" or self.base is not None:  # on another branch they may differ from its tip
                writes |= plan.writes
                deletes |= plan.deletes
            self.endpoints.append(_summary(plan))
            if plan.outcome in ("changed", "deleted") and len(self.plans) < self.most_plans:
                self.plans.append(plan)  # one more than trailers name, so that it is seen that there are more
        if refused:
            raise Refused(
                "edited endpoints that run could not be deployed any more; nothing was committed", violations=refused
            )
        if self.base is None and tip.commit is not None:
            require_direct_commits(base, tuple(_edited_environments(base, writes, deletes)))
        if not writes and not deletes:
            return None
        message = CommitMessage(*self._words(), list_trailers(self.plans, self.author))
        return Proposal(TreeChange(writes, frozenset(deletes)), message, self.author.actor)

    def _words(self) -> tuple[str, str]:
        changed = [item for item in self.endpoints if item.outcome in ("changed", "deleted")]
        if len(changed) == 1:
            subject = f"{changed[0].ref}: {changed[0].summary}"
        elif changed:
            subject = f"{len(changed)} endpoints: {', '.join(str(item.ref) for item in changed[:3])}"
            subject += ", …" if len(changed) > 3 else ""
        else:
            first, _, rest = self.author.reason.strip().partition("\n")
            if len(first) > LONGEST_SUBJECT or first.startswith("-"):
                first, rest = "", self.author.reason
            return first or "edits without effect on what is deployed", rest.strip()
        lines = [f"{item.ref}: {item.summary}" for item in changed[:MOST_TRAILERS]]
        return subject, "\n\n".join(part for part in (self.author.reason.strip(), "\n".join(lines)) if part)


def _edited_environments(base: Fleet, writes: Iterable[str], deletes: Iterable[str]) -> list[str]:
    """Environments below which something changes; what all of them share changes every one."""
    paths = [path.split("/") for path in (*writes, *deletes)]
    if any(parts[0] in (REPOSITORY_FILE, TEMPLATES) for parts in paths):
        return list(base.environment_names())
    return sorted({parts[1] for parts in paths if parts[0] == ENVIRONMENTS and len(parts) > 2})


def _is_own_edit(plan: EndpointPlan, edits: TreeChange) -> bool:
    return any(endpoint_of_path(path) == (plan.ref.environment, plan.ref.name) for path in edits.writes)


def _summary(plan: EndpointPlan) -> EditedEndpoint:
    if plan.outcome == "unchanged" and plan.stamp == plan.base_stamp:
        return EditedEndpoint(
            plan.ref,
            plan.outcome,
            *_numbers(plan),
            plan.outcome,
            warnings=plan.warnings,
            notices=plan.notices,
        )
    if plan.diff is not None:
        from generator.render.report import intent_words

        text = intent_words(plan.diff)
    else:
        text = {"external": "external model, nothing to deploy", "refused": "not deployable"}.get(
            plan.outcome, plan.outcome
        )
    if plan.stamp is not None and plan.outcome in ("changed", "deleted"):
        text += f" as r{plan.stamp.revision}"
    if plan.violations and plan.base_stamp is not None and not plan.base_stamp.deleted:
        text = f"keeps running as r{plan.base_stamp.revision}, cannot be rendered anew"
    return EditedEndpoint(
        plan.ref,
        plan.outcome,
        *_numbers(plan),
        text,
        plan.downtime,
        plan.warnings,
        plan.notices,
        plan.violations,
    )


def _numbers(plan: EndpointPlan) -> tuple[int | None, int | None]:
    """The revision before and after."""
    return plan.base_stamp.revision if plan.base_stamp else None, plan.stamp.revision if plan.stamp else None


def plan_edits(
    base: Fleet,
    after: Fleet,
    edits: TreeChange,
    request: PlanRequest,
    *,
    everything: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[EndpointPlan]:
    """A plan for every endpoint that the edits touch: by its own file, its environment, or the templates.

    InvalidInput carries the violations of all files that cannot be read; plans given out before it are void.
    """
    touched = find_touched(after, edits, everything=everything)
    violations = list(touched.violations)
    for done, (ref, (path, content)) in enumerate(touched.files.items()):
        if progress is not None:
            progress(done, len(touched.files))
        try:
            after.environment(ref.environment)
            file = read_endpoint_file(path, content, ref)
        except (InvalidInput, NotFound) as error:
            violations += error.violations or (Violation(error.message, error.hint, "", path),)
            continue
        if not violations:
            yield plan_change(base, after, ref, file, request)
    if violations:
        message = "files that revstamp cannot accept; nothing was committed"
        raise InvalidInput(message, violations=list({str(violation): violation for violation in violations}.values()))
    for ref in touched.gone:
        yield plan_deletion(base, after, ref, request)
