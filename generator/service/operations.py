"""One person's wish about one endpoint, as a plan on whatever tip it meets.

Owns: the operations that change an endpoint's file (redeploy, scale, stop, rollback, promote, delete) as patches that
can be applied again when the commit has to move to a newer tip. Refuses: committing (that is `commit`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from generator.service.fleet import EndpointFile, EndpointRef, Fleet, read_endpoint_file
from generator.service.neighbours import resolve_current
from generator.service.plan import EndpointPlan, PlanRequest, plan_change, plan_deletion
from generator.service.tree import OverlayTree
from generator.spec.document import Document
from generator.spec.endpoint import Endpoint
from generator.spec.patch import Patch, edit_text, patch_document
from generator.spec.request import request_patch
from generator.spec.rules import check_endpoint
from generator.spec.validate import validate_document


class Operation(Protocol):
    """What a change does, in a word, and its plan on the tip that it meets."""

    @property
    def target(self) -> str | EndpointRef:
        """The endpoint, as whoever asks names it; empty where only the plan can tell."""
        ...

    @property
    def verb(self) -> str:
        """A word for the commit's subject: `redeploy`, `scale`, …"""
        ...

    def plan(self, base: Fleet, tip: Fleet, request: PlanRequest) -> EndpointPlan:
        """The plan on this tip. Refused and InvalidInput carry every violation; nothing is touched.

        `base` is what revisions count from: the tip itself, or the delivery branch's for a commit on another one.
        """
        ...


@dataclass(frozen=True, slots=True)
class PatchOperation:
    """A patch on the endpoint's file at the tip: flags of the command line, a request of the platform, or both."""

    target: str
    patch: Patch = field(default_factory=Patch)
    request_body: Mapping[str, Any] | None = None
    restart: bool = False
    verb: str = "redeploy"

    def plan(self, base: Fleet, tip: Fleet, request: PlanRequest) -> EndpointPlan:
        """Patch the file at the tip, and plan the result."""
        ref = tip.find_endpoint(self.target)
        file = tip.endpoint_file(ref)
        patch = self.patch
        if self.request_body is not None:
            current = resolve_current(tip, ref, file)
            patch = request_patch(self.request_body, file.document, current).merged(patch)
        changed = patch_file(file, ref, patch)
        tolerated = broken_rules(tip, ref, file) if self.verb == "stop" else frozenset()
        wanted = PlanRequest(request.request_id, self.restart, None, request.high_water, tolerated)
        plan = plan_change(base, overlay(tip, changed), ref, changed, wanted)
        if plan.violations:
            raise plan.refusal()
        return add_notices(plan, patch.notices)


@dataclass(frozen=True, slots=True)
class RestoreOperation:
    """A rollback: the endpoint's file as it was at an earlier revision, rendered today."""

    target: EndpointRef
    content: bytes
    revision: int
    verb: str = "rollback"

    def plan(self, base: Fleet, tip: Fleet, request: PlanRequest) -> EndpointPlan:
        """Put the old file in the place of the one at the tip, and plan the result."""
        ref = self.target
        path = tip.layout.endpoint_files(ref.environment, ref.name)[0]
        found = tip.find_file(ref)
        file = read_endpoint_file(found[0] if found else path, self.content, ref)
        wanted = PlanRequest(request.request_id, False, self.revision, request.high_water)
        plan = plan_change(base, overlay(tip, file), ref, file, wanted)
        if plan.violations:
            raise plan.refusal()
        return plan


@dataclass(frozen=True, slots=True)
class DeleteOperation:
    """The removal of an endpoint; its stamp stays as a tombstone."""

    target: str
    verb: str = "delete"

    def plan(self, base: Fleet, tip: Fleet, request: PlanRequest) -> EndpointPlan:
        """Plan the removal."""
        return plan_deletion(base, tip, tip.find_endpoint(self.target), request)


def patch_file(file: EndpointFile, ref: EndpointRef, patch: Patch) -> EndpointFile:
    """The endpoint's file with a patch, as typed value and as text. InvalidInput where the result is no endpoint."""
    if patch.is_empty:
        return file
    document = patch_document(file.document, patch)
    validate_document(Endpoint, document)
    content = edit_text(file.content.decode(), patch).encode()
    written = read_endpoint_file(file.path, content, ref)
    labelled = Document(file.path, written.document.data, written.document.places, labels=document.labels)
    return EndpointFile(file.path, content, written.endpoint, labelled)


def broken_rules(tip: Fleet, ref: EndpointRef, file: EndpointFile) -> frozenset[str]:
    """Codes of the rules that the endpoint breaks as it stands: none of them may keep it from being stopped."""
    resolved = resolve_current(tip, ref, file)
    if resolved is None:
        return frozenset()
    found = check_endpoint(resolved, file.document, tip.environment(ref.environment)[0])
    return frozenset(violation.code for violation in found.violations)


def overlay(tip: Fleet, file: EndpointFile) -> Fleet:
    """The tip with one endpoint's file changed."""
    return Fleet(OverlayTree(tip.tree, {file.path: file.content}))


def add_notices(plan: EndpointPlan, notices: tuple[str, ...]) -> EndpointPlan:
    """The plan with further remarks; one that the resolution repeats is said once."""
    from dataclasses import replace

    return replace(plan, notices=tuple(dict.fromkeys((*notices, *plan.notices))))
