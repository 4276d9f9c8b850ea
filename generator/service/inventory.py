"""What there is: environments, and the endpoints in them with the state that the files tell.

Owns: one line for each, where a bad file is a line too and never an error. Refuses: what runs in a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from generator.errors import RevstampError
from generator.render.stamp import Stamp, spec_digest
from generator.service.fleet import EndpointFile, EndpointRef, Fleet
from generator.service.plan import PlanRequest, plan_change
from generator.spec.environment import Environment
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.resolved_data import resolved_data
from generator.spec.rules import check_endpoint

State = Literal[
    "deployed",
    "stopped",
    "external",
    "not rendered yet",
    "file changed since render",
    "not deployable",
    "file cannot be read",
]


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """One endpoint as its files tell. `reason` says why it is not deployable or cannot be read.

    An endpoint that has a stamp is in the repository's manifests, whatever its file says now. `gpus_held` are those of
    the least number of replicas that the file gives it; none before it is rendered.
    """

    ref: EndpointRef
    state: State
    reason: str = ""
    model: str = ""
    version: str = ""
    framework: str = ""
    route: str = ""
    revision: int | None = None
    pod_revision: int | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    gpus_held: int = 0

    @property
    def is_rendered(self) -> bool:
        """Whether the repository holds manifests of it."""
        return self.revision is not None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "endpoint": self.ref.name,
            "environment": self.ref.environment,
            "state": self.state,
            "reason": self.reason,
            "model": self.model,
            "version": self.version,
            "framework": self.framework,
            "route": self.route,
            "revision": self.revision,
            "podRevision": self.pod_revision,
            "minReplicas": self.min_replicas,
            "maxReplicas": self.max_replicas,
            "gpusHeld": self.gpus_held,
        }


@dataclass(frozen=True, slots=True)
class EnvironmentLine:
    """One environment; `problem` says why its file cannot be read, and then there is nothing else but counts."""

    name: str
    problem: str = ""
    namespace: str = ""
    cluster: str = ""
    endpoints: int = 0
    deployed: int = 0
    gpus_held: int = 0
    gpus: int = 0
    policies: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "environment": self.name,
            "problem": self.problem,
            "namespace": self.namespace,
            "cluster": self.cluster,
            "endpoints": self.endpoints,
            "deployed": self.deployed,
            "gpusHeld": self.gpus_held,
            "gpus": self.gpus,
            "policies": list(self.policies),
        }


def summarize_environment(
    fleet: Fleet, name: str, lines: Iterator[EndpointLine] | list[EndpointLine]
) -> EnvironmentLine:
    """The environment's line, with what its endpoints' lines add up to."""
    endpoints = deployed = held = 0
    for line in lines:
        endpoints += 1
        deployed += line.is_rendered
        held += line.gpus_held
    try:
        environment, _ = fleet.environment(name)
    except RevstampError as error:
        return EnvironmentLine(name, first_words(error), endpoints=endpoints, deployed=deployed)
    spec = environment.spec
    gpus = sum(pool.gpus for pool in spec.gpu_pools)
    policies = tuple(_say_policies(environment))
    return EnvironmentLine(name, "", spec.namespace, spec.cluster, endpoints, deployed, held, gpus, policies)


def _say_policies(environment: Environment) -> Iterator[str]:
    """What differs from an environment without rules, in words."""
    policies = environment.spec.policies
    if policies.pull_request_required:
        yield "pull request required"
    if policies.max_gpus is not None:
        yield f"at most {policies.max_gpus} GPUs"
    yield f"{policies.max_concurrent_rollouts} rollouts at once"
    if policies.automatic_rollback.enabled:
        yield "rolls back by itself"
    if policies.drift == "heal":
        yield "heals drift"


def list_endpoints(fleet: Fleet, environment: str) -> Iterator[EndpointLine]:
    """A line for each endpoint of the environment that has a file, in the order of names."""
    for name in fleet.endpoint_names(environment):
        yield describe_endpoint(fleet, EndpointRef(environment, name))


def describe_endpoint(fleet: Fleet, ref: EndpointRef) -> EndpointLine:
    """The endpoint's line. Nothing that is wrong with its files is raised."""
    stamp, damage = None, ""
    try:
        stamp = fleet.stamp(ref)
    except RevstampError as error:
        damage = first_words(error)
    stamp = None if stamp is not None and stamp.deleted else stamp
    try:
        file = fleet.endpoint_file(ref)
        line = _describe_file(fleet, file, ref, stamp)
    except RevstampError as error:
        return EndpointLine(ref, "file cannot be read", first_words(error), **_revisions(stamp))
    return line if not damage else EndpointLine(ref, "file cannot be read", damage)


def _describe_file(fleet: Fleet, file: EndpointFile, ref: EndpointRef, stamp: Stamp | None) -> EndpointLine:
    environment, shared = fleet.environment(ref.environment)
    resolution = resolve_endpoint(file.endpoint, file.document, environment, shared)
    resolved, violations = resolution.endpoint, resolution.violations
    spec = file.endpoint.spec
    if resolved is None:
        return EndpointLine(
            ref,
            "not deployable",
            violations[0].message if violations else "",
            spec.model.name,
            spec.model.version,
            spec.framework or environment.spec.framework,
            spec.route,
            min_replicas=spec.replicas.min if spec.replicas else None,
            max_replicas=spec.replicas.max if spec.replicas else None,
            **_revisions(stamp),
        )
    violations = check_endpoint(resolved, file.document, environment).violations
    state, reason = _judge(fleet, file, resolved, stamp)
    if violations:
        state, reason = "not deployable", violations[0].message
    return EndpointLine(
        ref,
        state,
        reason,
        resolved.model.name,
        resolved.model.version,
        "" if resolved.is_external else resolved.framework,
        resolved.route,
        min_replicas=resolved.min_replicas,
        max_replicas=resolved.max_replicas,
        gpus_held=resolved.gpus_held if stamp is not None and not resolved.is_external else 0,
        **_revisions(stamp),
    )


def _revisions(stamp: Stamp | None) -> dict[str, Any]:
    return {"revision": stamp.revision, "pod_revision": stamp.pod_revision} if stamp else {}


def _judge(fleet: Fleet, file: EndpointFile, resolved: ResolvedEndpoint, stamp: Stamp | None) -> tuple[State, str]:
    if resolved.is_external:
        return "external", ""
    if stamp is None:
        return "not rendered yet", ""
    if is_changed(fleet, file, resolved, stamp):
        return "file changed since render", "run `revstamp commit`"
    return ("stopped" if resolved.is_stopped else "deployed"), ""


def is_changed(fleet: Fleet, file: EndpointFile, resolved: ResolvedEndpoint, stamp: Stamp) -> bool:
    """Whether a commit would render other manifests than those there are.

    The digest of the spec tells most cases apart at once; one that differs may still render to the same, such as a
    changed rollout strategy that the framework cannot do.
    """
    if spec_digest(resolved_data(resolved)) == stamp.spec_digest:
        return False
    ref = EndpointRef(resolved.environment, resolved.name)
    try:
        return plan_change(fleet, fleet, ref, file, PlanRequest("inventory")).outcome == "changed"
    except RevstampError:
        return True


def first_words(error: RevstampError) -> str:
    """What is wrong, in one line: the first violation with its place, else the message."""
    return str(error.violations[0]) if error.violations else error.message
