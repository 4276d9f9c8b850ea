"""One endpoint's way from git into the cluster: apply, then prune.

Owns: the order of both, and what is not changed or pruned yet. Refuses: knowing git; the caller says what is wanted
and what is no longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generator.cluster.apply_objects import (
    NO_LISTING,
    Applied,
    Listing,
    apply_object,
    apply_objects,
    order_manifests,
)
from generator.cluster.changes import Action, ChangeSet, ObjectChange
from generator.cluster.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    WORKLOADS,
    ObjectRef,
    ref_of,
)
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.prune import order_doomed, prune_object

_ATTENDANTS = frozenset({SERVICE.name, INGRESS.name, HTTP_ROUTE.name, POD_DISRUPTION_BUDGET.name})
"""Kinds that lead requests to the pods of a workload, or keep these from being evicted."""
_WAITS = "kept until {} serves"
_WAITING = re.compile(_WAITS.format(".+"))


@dataclass(frozen=True, slots=True)
class EndpointPass:
    """What is wanted of one endpoint, and which objects of it git no longer has.

    `doomed` are pruned; `staying` git does not have either, but they are not to go in this pass. `listing`: what is
    known of the cluster before.
    """

    endpoint: str
    manifests: Sequence[Body]
    doomed: Sequence[ObjectRef] = ()
    policy: ApplyPolicy = field(default_factory=ApplyPolicy)
    staying: Sequence[ObjectRef] = ()
    listing: Listing = NO_LISTING


@dataclass(frozen=True, slots=True)
class PassResult:
    """What became of each object, and the live objects as they are now, where they are known."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    live: Mapping[ObjectRef, Body] = field(default_factory=dict)


def run_pass(cluster: Cluster, task: EndpointPass) -> PassResult:
    """Apply everything that is wanted, then prune what is not; the answer holds every object.

    Where one workload takes another one's place, whatever leads requests to the old one and guards its pods stays as
    it is until the new one serves: what is there is neither changed nor pruned. What is not there is made at once.
    """
    swaps = any(ref.kind in WORKLOADS for ref in (*task.doomed, *task.staying))
    # An autoscaler would fight over replicas with git; while workloads swap places it is the old one's.
    first = [] if swaps else [ref for ref in task.doomed if ref.kind == AUTOSCALER]
    done = [prune_object(cluster, ref, task.endpoint, dry_run=task.policy.dry_run) for ref in first]
    applied = _apply_swapping(cluster, task) if swaps else _apply_all(cluster, task)
    live = _live_objects(applied)
    changes = [item.change for item in applied]
    kept = _say_kept(_successor_is_coming(task.manifests, live)) if swaps else ""
    if any(change.action is Action.FAILED for change in changes):
        kept = "kept until everything else is applied"
    for ref in order_doomed([ref for ref in task.doomed if ref not in first]):
        if kept:
            done.append(ObjectChange(ref, Action.SKIPPED, kept))
        else:
            done.append(prune_object(cluster, ref, task.endpoint, dry_run=task.policy.dry_run))
    return PassResult(ChangeSet((*changes, *done)), live)


def _apply_all(cluster: Cluster, task: EndpointPass) -> Sequence[Applied]:
    return apply_objects(cluster, task.manifests, task.policy, task.listing)


def _apply_swapping(cluster: Cluster, task: EndpointPass) -> Sequence[Applied]:
    """The workload first, then what leads requests to it and guards it: only what is not there yet until it serves."""
    attendants = [body for body in task.manifests if str(body.get("kind")) in _ATTENDANTS]
    others = [body for body in task.manifests if str(body.get("kind")) not in _ATTENDANTS]
    applied = apply_objects(cluster, others, task.policy)
    kept = _say_kept(_successor_is_coming(others, _live_objects(applied)))
    last = (apply_object(cluster, body, task.policy, kept=kept) for body in order_manifests(attendants))
    return [*applied, *last]


def _live_objects(applied: Sequence[Applied]) -> dict[ObjectRef, Body]:
    return {item.change.ref: item.live for item in applied if item.live is not None}


def is_swapping(changes: ChangeSet) -> bool:
    """Whether something is kept until the workload serves that takes another one's place."""
    return any(change.action is Action.SKIPPED and _WAITING.fullmatch(change.reason) for change in changes)


def _say_kept(successor: ObjectRef | None) -> str:
    return _WAITS.format(successor) if successor else ""


def _successor_is_coming(manifests: Sequence[Body], live: Mapping[ObjectRef, Body]) -> ObjectRef | None:
    """The workload that takes another one's place and does not serve yet."""
    for manifest in manifests:
        ref = ref_of(manifest)
        if ref.kind in WORKLOADS and not serves(live.get(ref)):
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
