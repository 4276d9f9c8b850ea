"""Where a rollout stands as a whole: its phase, and how many pods do what.

Owns: the order of phases over all pods and controllers. Refuses: failures and verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from generator.rollout.live import newest, read_count
from generator.rollout.phases import Place, find_place
from generator.rollout.signs import Sign
from generator.rollout.status import Expectation, LiveObjects, Phase, Progress, Reason
from generator.rollout.workload import Pods, Workload, read_replicas

_KNATIVE_DRAIN = 120.0
"""Seconds that Knative keeps pods which get no requests any more: its stable window and its grace, rounded up."""


def count_pods(workload: Workload, pods: Pods) -> Progress:
    """The counts that people are shown."""
    serving = [pod for pod in pods.old if pod.is_ready]
    revisions = Counter(pod.revision for pod in serving or pods.lingering or pods.old if pod.revision is not None)
    return Progress(
        wanted=workload.wanted,
        updated=len(pods.active),
        ready=len(pods.ready),
        old_serving=len(serving),
        terminating=len(pods.terminating),
        old_revision=revisions.most_common(1)[0][0] if revisions else None,
    )


def list_places(expectation: Expectation, pods: Pods) -> list[Place]:
    """Of the new pods that are not ready, the one that is furthest behind for longest first."""
    places = [find_place(pod, expectation.budgets) for pod in pods.active if not pod.is_ready]
    return sorted(places, key=lambda place: (place.rank, place.since.timestamp() if place.since else 0.0))


def find_rollout_place(
    expectation: Expectation,
    live: LiveObjects,
    workload: Workload,
    pods: Pods,
    places: Sequence[Place],
    signs: Sequence[Sign],
) -> Place:
    """The phase of the rollout. `since` is None where only memory knows."""
    budgets = expectation.budgets
    if not expectation.kind or workload.is_stopped:
        return _find_stopping(expectation, live, workload, pods)
    if not workload.is_applied:
        return Place(Phase.NOT_APPLIED)
    if not workload.is_made:
        return Place(Phase.STARTING, workload.written_at, budgets.start_seconds, expectation.workload)
    for sign in signs:
        if sign.reason is Reason.QUOTA_EXCEEDED:
            return Place(Phase.WAITING_FOR_CAPACITY, sign.since, budgets.capacity_seconds, sign.key)
    if places:
        return places[0]
    return _find_ending(expectation, workload, pods)


def _find_stopping(expectation: Expectation, live: LiveObjects, workload: Workload, pods: Pods) -> Place:
    """No pods are wanted: stopped once there are none, and nothing that would make some."""
    if expectation.kind and not workload.is_applied:
        return Place(Phase.NOT_APPLIED)
    running = any(not pod.is_finished for pod in (*pods.new, *pods.old))
    deployment = live.deployment if expectation.kind else None
    if expectation.kind == "Deployment":
        counts = workload.is_observed and read_count(workload.deployment, "status", "replicas") == 0
        busy = running or not counts or read_replicas(workload.deployment) > 0
    else:
        busy = running or deployment is not None
    if not busy:
        return Place(Phase.STOPPED)
    budgets = expectation.budgets
    budget = budgets.start_seconds + budgets.drain_seconds if expectation.kind else None
    return Place(Phase.STOPPING, workload.written_at, budget, expectation.workload)


def _find_ending(expectation: Expectation, workload: Workload, pods: Pods) -> Place:
    """All new pods that there are, are ready."""
    budgets, name = expectation.budgets, expectation.workload
    ready_at = newest(*(pod.ready.since for pod in pods.ready))
    least = read_count(workload.deployment, "spec", "minReadySeconds")
    if least and read_count(workload.deployment, "status", "availableReplicas") < len(pods.ready) + _count_old(pods):
        return Place(Phase.WARMING, ready_at, budgets.load_seconds + least, name)
    if len(pods.ready) < workload.wanted or not workload.is_observed:
        draining = budgets.drain_seconds if pods.terminating else 0.0  # Recreate waits for them
        since = newest(workload.written_at, ready_at) if workload.written_at else None
        return Place(Phase.STARTING, since, budgets.start_seconds + draining + least, name)
    if pods.lingering and workload.traffic == 100:
        keeps = _KNATIVE_DRAIN if workload.is_knative else 0.0
        return Place(Phase.DRAINING, ready_at, budgets.drain_seconds + keeps + least, pods.lingering[0].name)
    if not workload.is_counted:
        return Place(Phase.WARMING, ready_at, budgets.load_seconds + least, name)
    return Place(Phase.LIVE, ready_at)


def _count_old(pods: Pods) -> int:
    return sum(pod.is_ready for pod in pods.old)
