"""One endpoint's way from git into the cluster: apply, then prune.

Owns: the order of both, and what is not pruned yet. Refuses: knowing git; the caller says what is wanted and what is
no longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generator.cluster.apply_objects import Finder, apply_objects
from generator.cluster.changes import Action, ChangeSet, ObjectChange
from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, INFERENCE_SERVICE, ObjectRef, ref_of
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.prune import order_doomed, prune_object

_WORKLOADS = (DEPLOYMENT, INFERENCE_SERVICE)


@dataclass(frozen=True, slots=True)
class EndpointPass:
    """What is wanted of one endpoint, and which objects of it git no longer has."""

    endpoint: str
    manifests: Sequence[Body]
    doomed: Sequence[ObjectRef] = ()
    policy: ApplyPolicy = field(default_factory=ApplyPolicy)


@dataclass(frozen=True, slots=True)
class PassResult:
    """What became of each object, and the live objects as they are now, where they are known."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    live: Mapping[ObjectRef, Body] = field(default_factory=dict)


def run_pass(cluster: Cluster, task: EndpointPass, find: Finder | None = None) -> PassResult:
    """Apply everything that is wanted, then prune what is not; the answer holds every object."""
    first = [ref for ref in task.doomed if ref.kind == AUTOSCALER]  # it would fight over replicas with git
    done = [prune_object(cluster, ref, task.endpoint, dry_run=task.policy.dry_run) for ref in first]
    applied = apply_objects(cluster, task.manifests, task.policy, find)
    live = {item.change.ref: item.live for item in applied if item.live is not None}
    changes = [item.change for item in applied]
    failed = any(change.action is Action.FAILED for change in changes)
    waits = any(ref.kind in _WORKLOADS for ref in task.doomed) and _successor_is_coming(task.manifests, live)
    for ref in order_doomed([ref for ref in task.doomed if ref.kind != AUTOSCALER]):
        if failed:
            done.append(ObjectChange(ref, Action.SKIPPED, "kept until everything else is applied"))
        elif waits and ref.kind in _WORKLOADS:
            done.append(ObjectChange(ref, Action.SKIPPED, f"kept until {waits} serves"))
        else:
            done.append(prune_object(cluster, ref, task.endpoint, dry_run=task.policy.dry_run))
    return PassResult(ChangeSet((*changes, *done)), live)


def _successor_is_coming(manifests: Sequence[Body], live: Mapping[ObjectRef, Body]) -> ObjectRef | None:
    """The workload that takes another one's place and does not serve yet."""
    for manifest in manifests:
        ref = ref_of(manifest)
        if ref.kind in _WORKLOADS and not serves(live.get(ref)):
            return ref
    return None


def serves(workload: Body | None) -> bool:
    """Whether the workload has what it was asked for, as far as its own status says; none wanted is enough too."""
    if workload is None:
        return False
    status: Any = workload.get("status") or {}
    if workload.get("kind") == DEPLOYMENT.name:
        wanted = (workload.get("spec") or {}).get("replicas", 1)
        seen = status.get("observedGeneration") == (workload.get("metadata") or {}).get("generation")
        return bool(seen and status.get("availableReplicas", 0) >= wanted)
    conditions = {item.get("type"): item.get("status") for item in status.get("conditions") or ()}
    return conditions.get("Ready") == "True" or conditions.get("Stopped") == "True"
