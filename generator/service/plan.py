"""What a change of one endpoint would do: files, revision, difference, and what is refused.

Owns: the way from an endpoint file to the files of a commit (resolve → rules → render → schema → stamp → diff).
Refuses: git and clocks; the same trees and the same request give the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from generator import __version__
from generator.errors import Refused, RenderFailed, Violation
from generator.render.committed import read_committed
from generator.render.handover import warn_about_handover
from generator.render.manifest import ManifestSet
from generator.render.render import render_manifests
from generator.render.schema_check import SchemaVersions
from generator.render.stamp import Stamp, StampRequest, manifests_digest, spec_digest, stamp_manifests, tombstone
from generator.service.blame import blame_file
from generator.service.fleet import EndpointFile, EndpointRef, Fleet
from generator.service.neighbours import check_neighbours
from generator.spec.case import Case
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.resolved_data import resolved_data
from generator.spec.rules import check_endpoint

if TYPE_CHECKING:
    from generator.render.diff import EndpointDiff

Outcome = Literal["changed", "unchanged", "external", "deleted", "refused"]
HighWater = Callable[[str], int]
"""The highest revision that a stamp file ever had in the branch's history, by its path; 0 where it had none."""


def no_high_water(_: str) -> int:
    """Where no history is at hand, the tip's stamp is all there is."""
    return 0


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Who asks for what. `restart` replaces pods even where nothing changed; `restores` is a rollback's revision.

    `tolerated` are codes of rules that may stay broken, as they were before. `alone` leaves the other endpoints of the
    environment out of account: a look at all of them, for rules that hold when a commit is made.
    """

    request_id: str
    restart: bool = False
    restores: int | None = None
    high_water: HighWater = no_high_water
    tolerated: frozenset[str] = frozenset()
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Rendering:
    """A valid endpoint's objects, with what the plan should say."""

    resolved: ResolvedEndpoint
    manifests: ManifestSet
    warnings: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class EndpointPlan:
    """What would be committed for one endpoint. `writes` and `deletes` are repository paths.

    `bodies` are the endpoint's objects before and after, by file name; None where nothing was rendered.
    """

    ref: EndpointRef
    outcome: Outcome
    base_stamp: Stamp | None = None
    stamp: Stamp | None = None
    writes: Mapping[str, bytes] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    bodies: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    resolved: ResolvedEndpoint | None = None
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()

    @cached_property
    def diff(self) -> EndpointDiff | None:
        """What changes in the objects, and what that means for what runs; worked out when asked for."""
        if self.bodies is None:
            return None
        return diff_bodies(self.ref, *self.bodies, self.base_stamp, self.stamp)

    @property
    def downtime(self) -> str:
        """What the change means for whoever uses the endpoint, in words; empty where no pod is replaced."""
        if self.diff is None or self.resolved is None or not self.diff.impact.replicas_restarted:
            return ""
        if self.diff.replaces:
            return "the workload is made anew: the endpoint may be away until its new pods are ready"
        return self.diff.impact.downtime or self.resolved.rollout.downtime

    def manifests(self, folder: str) -> dict[str, bytes]:
        """The rendered files by name."""
        prefix = f"{folder}/"
        return {path[len(prefix) :]: data for path, data in self.writes.items() if path.startswith(prefix)}

    def refusal(self) -> Refused:
        """The error that says why the endpoint cannot be deployed."""
        first = "; ".join(violation.message for violation in self.violations)
        hint = "; ".join(dict.fromkeys(violation.fix for violation in self.violations if violation.fix))
        return Refused(f"{self.ref} cannot be deployed: {first}", hint=hint, violations=self.violations)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        from generator.render.report import diff_dict

        return {
            "endpoint": self.ref.name,
            "environment": self.ref.environment,
            "outcome": self.outcome,
            "baseRevision": self.base_stamp.revision if self.base_stamp else None,
            "revision": self.stamp.revision if self.stamp else None,
            "podRevision": self.stamp.pod_revision if self.stamp else None,
            "downtime": self.downtime,
            "warnings": list(self.warnings),
            "notices": list(self.notices),
            "violations": [violation.to_dict() for violation in self.violations],
            "diff": diff_dict(self.diff) if self.diff else None,
        }


def render_endpoint(
    fleet: Fleet, ref: EndpointRef, file: EndpointFile, tolerated: frozenset[str] = frozenset()
) -> Rendering:
    """The endpoint's objects, unstamped. Refused carries every violation; RenderFailed a template's mistake."""
    environment, environment_document = fleet.environment(ref.environment)
    resolution = resolve_endpoint(file.endpoint, file.document, environment, environment_document)
    if resolution.endpoint is None:
        raise Refused(f"{ref} cannot be deployed", violations=resolution.violations)
    resolved = resolution.endpoint
    findings = check_endpoint(resolved, file.document, environment, environment_document)
    violations = tuple(found for found in findings.violations if found.code not in tolerated)
    if violations:
        raise Refused(f"{ref} cannot be deployed", violations=violations)
    versions = SchemaVersions(resolved.kubernetes_version, resolved.kserve.version)
    try:
        manifests = render_manifests(resolved, fleet.templates, versions)
    except RenderFailed as error:
        raise blame_file(error, Case(resolved, file.document, environment)) from error
    return Rendering(resolved, manifests, findings.warnings + manifests.warnings, resolution.notices)


def plan_change(base: Fleet, fleet: Fleet, ref: EndpointRef, file: EndpointFile, request: PlanRequest) -> EndpointPlan:
    """Plan an endpoint whose file is `file` in `fleet`, as the successor of what `base` (the tip) says.

    `writes` hold every file of the endpoint, also those that stay as they are: on a branch they may differ from the
    base. An endpoint that the rules refuse gives a plan with violations and only its own file; a wrong template raises
    RenderFailed.
    """
    own = {file.path: file.content}
    base_stamp = base.stamp(ref)
    try:
        rendering = render_endpoint(fleet, ref, file, request.tolerated)
        if not request.alone:
            check_neighbours(base, fleet, ref, file, rendering.resolved)
    except Refused as refused:
        return EndpointPlan(ref, "refused", base_stamp, base_stamp, writes=own, violations=refused.violations)
    if rendering.resolved.is_external:
        gone = plan_deletion(base, fleet, ref, request) if base_stamp and not base_stamp.deleted else None
        if gone is not None:
            return replace(gone, writes={**gone.writes, **own}, deletes=gone.deletes - {file.path})
        return EndpointPlan(
            ref, "external", base_stamp, base_stamp, own, resolved=rendering.resolved, notices=rendering.notices
        )
    return _plan_stamped(base, fleet, ref, rendering, own, request)


def _plan_stamped(
    base: Fleet, fleet: Fleet, ref: EndpointRef, rendering: Rendering, own: dict[str, bytes], request: PlanRequest
) -> EndpointPlan:
    base_stamp, before = base.stamp(ref), base.manifest_files(ref)
    today = {manifest.file_name: manifest for manifest in rendering.manifests}
    previous = {name: read_committed(content, today.get(name)) for name, content in before.items()}
    stamped = stamp_manifests(
        rendering.manifests,
        previous,
        base_stamp,
        StampRequest(
            environment=ref.environment,
            endpoint=ref.name,
            revision=next_revision(base, ref, request),
            request_id=request.request_id,
            spec_digest=spec_digest(resolved_data(rendering.resolved)),
            templates_digest=fleet.templates.digest,
            generator=__version__,
            restart=request.restart or _asks_for_restart(fleet.stamp(ref), base_stamp),
            restores=request.restores,
        ),
        previous_digest=manifests_digest(before),
    )
    folder = fleet.layout.manifests_folder(ref.environment, ref.name)
    writes = {**own, **{f"{folder}/{name}": text.encode() for name, text in stamped.files.items()}}
    writes[fleet.layout.stamp_file(ref.environment, ref.name)] = stamped.stamp.to_yaml().encode()
    present, ahead = fleet.manifest_files(ref), fleet.stamp(ref)
    deletes = frozenset(f"{folder}/{name}" for name in {*before, *present} if name not in stamped.files)
    stamp, changed = stamped.stamp, stamped.changed
    if ahead and changed and not request.restart and not deletes and _is_same_but_for_request(ahead, stamp):
        files = {path: data for path, data in writes.items() if "/stamps/" not in path}
        if all(fleet.tree.read(path) == data for path, data in files.items()):
            writes, stamp, changed = files, ahead, False
    return EndpointPlan(
        ref,
        "changed" if changed else "unchanged",
        base_stamp,
        stamp,
        writes,
        deletes,
        (previous, stamped.bodies),
        rendering.resolved,
        (*rendering.warnings, *warn_about_handover(previous, stamped.bodies, rendering.resolved.kserve.minor)),
        rendering.notices,
    )


def _asks_for_restart(ahead: Stamp | None, base: Stamp | None) -> bool:
    """Whether the branch at hand holds, beyond its base, new pods that were asked for: they stay asked for."""
    if ahead is None or base is None or ahead.deleted:
        return False
    return ahead.revision > base.revision and ahead.pod_revision == ahead.revision


def _is_same_but_for_request(ahead: Stamp, stamp: Stamp) -> bool:
    """Whether the branch at hand holds this very revision already, made by an earlier request."""
    return replace(ahead, request_id=stamp.request_id) == stamp


def plan_deletion(base: Fleet, fleet: Fleet, ref: EndpointRef, request: PlanRequest) -> EndpointPlan:
    """Plan the removal of an endpoint: its file and manifests go, its stamp stays as a tombstone."""
    base_stamp, before = base.stamp(ref), base.manifest_files(ref)
    folder = base.layout.manifests_folder(ref.environment, ref.name)
    files = [found[0] for found in (base.find_file(ref), fleet.find_file(ref)) if found is not None]
    there = {*before, *fleet.manifest_files(ref)}
    deletes = frozenset((*files, *(f"{folder}/{name}" for name in there)))
    if base_stamp is None or base_stamp.deleted:
        return EndpointPlan(ref, "deleted", base_stamp, base_stamp, deletes=deletes)
    stamp = tombstone(base_stamp, next_revision(base, ref, request), request.request_id)
    previous = {name: read_committed(content) for name, content in before.items()}
    return EndpointPlan(
        ref,
        "deleted",
        base_stamp,
        stamp,
        {base.layout.stamp_file(ref.environment, ref.name): stamp.to_yaml().encode()},
        deletes,
        (previous, {}),
    )


def next_revision(base: Fleet, ref: EndpointRef, request: PlanRequest) -> int:
    """The tip's revision + 1, or more where a hand-made revert took the stamp back: no number is used twice."""
    stamp = base.stamp(ref)
    highest = request.high_water(base.layout.stamp_file(ref.environment, ref.name))
    return max(stamp.revision if stamp else 0, highest) + 1


def diff_bodies(
    ref: EndpointRef,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    base_stamp: Stamp | None,
    stamp: Stamp | None,
) -> EndpointDiff:
    """The semantic difference between two renderings of one endpoint."""
    from generator.render.diff import diff_endpoint

    return diff_endpoint(
        before,
        after,
        name=ref.name,
        environment=ref.environment,
        before_revision=base_stamp.revision if base_stamp else None,
        after_revision=stamp.revision if stamp else None,
    )
