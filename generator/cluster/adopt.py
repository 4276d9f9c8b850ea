"""Carrying an adoption out: what others made becomes revstamp's, and no pod is lost on the way.

Owns: the steps of a plan, each of which may be the last one that is done before a crash. Refuses: planning
(`adoption_plan`) and adopting without a plan that was shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from generator.cluster.adoption_plan import AdoptionPlan, AdoptionStep, Step, target_port
from generator.cluster.apply_objects import apply_object
from generator.cluster.changes import Action, ObjectChange
from generator.cluster.drift import is_controller, managed_fields
from generator.cluster.endpoint_pass import serves
from generator.cluster.kinds import DEPLOYMENT, ref_of
from generator.cluster.policy import ADOPTING, ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.replacement import find_refusal, replace_deployment
from generator.cluster.replicas import hand_over, least_replicas, leaves_replicas
from generator.cluster.takeover import take_fields
from generator.errors import Refused, RevstampError, RolloutTimedOut, StaleObject
from generator.render.pods import REVISION

_POLL = 0.1

Tell = Callable[[ObjectChange], None]


def adopt(
    cluster: Cluster,
    manifests: Sequence[Body],
    plan: AdoptionPlan,
    *,
    rollout_seconds: float = 3600.0,
    tell: Tell = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[ObjectChange, ...]:
    """Do what the plan says; Refused where something blocks it. Cut off, the next plan goes on from there.

    It ends with the first step that fails, whose change is the last of the answer. Before anything is touched, the
    API server is asked whether it would admit a Deployment that is to be made anew.
    `rollout_seconds`: how long to wait for the new pods before a bridged Service gets its final form;
    RolloutTimedOut past it, with everything in a state that serves.
    """
    if plan.blocked:
        words = "; ".join(f"{step.ref}: {step.words}" for step in plan.blocked)
        raise Refused(f"it cannot be adopted: {words}", hint="change what is named by hand, then run it again")
    done: list[ObjectChange] = []
    clocked = _Clock(sleep, clock)
    for change in _carry_out_all(cluster, plan, manifests, clocked, rollout_seconds):
        done.append(change)
        tell(change)
        if change.action is Action.FAILED:
            break
    return tuple(done)


def _carry_out_all(
    cluster: Cluster, plan: AdoptionPlan, manifests: Sequence[Body], clock: _Clock, rollout_seconds: float
) -> Iterator[ObjectChange]:
    """Step by step; each is done when the one before has been told."""
    for step in plan.steps:
        if step.step is Step.REPLACE and (refused := find_refusal(cluster, step)):
            yield refused
            return
    for step in plan.steps:
        yield from _carry_out(cluster, step, manifests, clock)
    for step in plan.steps:
        if step.step in (Step.BRIDGE, Step.FINISH):
            _await_rollout(cluster, manifests, rollout_seconds, clock)
            yield _finish_service(cluster, step)


class _Clock:
    """Waiting, so that a test need not."""

    def __init__(self, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self.sleep, self.now = sleep, clock

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time."""
        end = self.now() + seconds
        while not condition():
            if self.now() >= end:
                return False
            self.sleep(_POLL)
        return True


def _carry_out(
    cluster: Cluster, step: AdoptionStep, manifests: Sequence[Body], clock: _Clock
) -> Iterator[ObjectChange]:
    if step.step in (Step.NOTHING, Step.STAYS, Step.FINISH):
        return
    try:
        if step.step is Step.DELETE:
            yield _delete(cluster, step)
        elif step.step in (Step.REPLACE, Step.RESUME):
            yield replace_deployment(cluster, step, clock.wait_for)
            yield _apply(cluster, step, manifests)
        elif step.step is Step.BRIDGE:
            yield _take_over(cluster, step, bridge(step))
        elif step.step is Step.TAKE_OVER:
            yield _take_over(cluster, step, step.manifest or {}, least_replicas(manifests, step.manifest or {}))
        elif step.manifest is not None:
            yield _apply(cluster, step, manifests)
    except RevstampError as error:
        yield ObjectChange(step.ref, Action.FAILED, error.message, error)


def _delete(cluster: Cluster, step: AdoptionStep) -> ObjectChange:
    metadata = (step.live or {})["metadata"]
    cluster.delete(step.ref, uid=metadata["uid"])
    return ObjectChange(step.ref, Action.PRUNED, step.words)


def _take_over(cluster: Cluster, step: AdoptionStep, manifest: Body, least: int = 1) -> ObjectChange:
    """Make the fields of the old makers ours, then apply: what git does not have goes, what it has stays."""
    live = cluster.read(step.ref)
    if live is None:
        raise StaleObject(f"{step.ref} is gone since the plan was made", hint="run it again")
    live = take_fields(cluster, live, makers_of, ADOPTING if step.step is Step.BRIDGE else "")
    if step.ref.kind == DEPLOYMENT and leaves_replicas(manifest):
        hand_over(cluster, live, least)
    applied = cluster.apply(manifest, force=True)
    return ObjectChange(step.ref, Action.CONFIGURED, f"taken over, now at {_version(applied)}")


def makers_of(live: Body) -> list[tuple[str, str]]:
    """Managers and operations whose fields are taken over: all but controllers and those of subresources."""
    found = [
        (str(entry.get("manager")), str(entry.get("operation")))
        for entry in managed_fields(live)
        if not entry.get("subresource") and not is_controller(str(entry.get("manager")))
    ]
    return list(dict.fromkeys(found))


def _version(body: Body) -> str:
    annotations = body["metadata"].get("annotations") or {}
    return f"r{annotations.get(REVISION, '?')}"


def _apply(cluster: Cluster, step: AdoptionStep, manifests: Sequence[Body]) -> ObjectChange:
    """Apply what git says, its number of replicas too, unless that is an autoscaler's."""
    manifest = step.manifest or {}
    return apply_object(cluster, manifest, ApplyPolicy(), least=least_replicas(manifests, manifest)).change


def bridge(step: AdoptionStep) -> dict[str, Any]:
    """The Service as git has it, but pointing to the old pods' port, which the new ones have too."""
    manifest, target = step.manifest or {}, target_port(step.live or {})
    ports = [{**port, "targetPort": target} for port in manifest["spec"]["ports"]]
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ADOPTING: "true"}
    return {
        **manifest,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**manifest["spec"], "ports": ports},
    }


def _await_rollout(cluster: Cluster, manifests: Sequence[Body], seconds: float, clock: _Clock) -> None:
    """Wait until only new pods are there. RolloutTimedOut past the time."""
    for manifest in manifests:
        ref = ref_of(manifest)
        if ref.kind == DEPLOYMENT and not clock.wait_for(lambda ref=ref: is_rolled_out(cluster.read(ref)), seconds):  # type: ignore[misc]
            raise RolloutTimedOut(
                f"{ref} has not replaced its pods within {seconds:.0f} s; the Service still points to the old port",
                hint="run `revstamp adopt` again once `revstamp status` says that the rollout has ended",
            )


def is_rolled_out(deployment: Body | None) -> bool:
    """Whether a Deployment has nothing but pods of its template, all available."""
    if deployment is None or not serves(deployment):
        return False
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    return bool(status.get("updatedReplicas", 0) == wanted == status.get("replicas", 0))


def _finish_service(cluster: Cluster, step: AdoptionStep) -> ObjectChange:
    try:
        live = cluster.read(step.ref)
        if live is not None:
            take_fields(cluster, live, makers_of)  # the mark was set by a patch, which an apply alone does not undo
        cluster.apply(step.manifest or {}, force=True)
    except RevstampError as error:
        return ObjectChange(step.ref, Action.FAILED, error.message, error)
    return ObjectChange(step.ref, Action.CONFIGURED, "points to the port by its name now")
