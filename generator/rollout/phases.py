"""Where one pod of the new revision stands, since when, and until when it may.

Owns: the phase of a pod, by Kubernetes' own times, and the budget of each phase. Refuses: failures, and rollouts of
several pods. A pod whose container starts again loads anew; how often it may is a matter of attempts (`failing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from generator.rollout.live import newest
from generator.rollout.pods import Container, Pod
from generator.rollout.status import Phase, PhaseBudgets

ORDER = tuple(Phase)
"""Phases from the beginning to the end, as they are declared."""
_JUST_NOW = timedelta(seconds=1)
"""Kubernetes cuts times to the second."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. `since` is None where Kubernetes does not say; `deadline` where there is none."""

    phase: Phase
    since: datetime | None = None
    budget: float | None = None
    """Seconds that the phase may take."""
    subject: str = ""
    """Which pod, or pod and container."""

    @property
    def rank(self) -> int:
        """Lower is further behind."""
        return ORDER.index(self.phase)


def find_place(pod: Pod, budgets: PhaseBudgets) -> Place:
    """The place of a pod that is neither finished nor being deleted."""
    if pod.is_ready:
        return Place(Phase.LIVE, pod.ready.since, None, pod.name)
    if pod.scheduled.status != "True":
        return _find_unscheduled(pod, budgets)
    begun = pod.scheduled.since or pod.created
    for container in pod.init_containers:
        place = _find_initializing(pod, container, begun, budgets)
        if place is not None:
            return place
        begun = newest(begun, container.ended.finished_at if container.is_done and container.ended else None)
    return _find_serving(pod, begun, budgets)


def _find_unscheduled(pod: Pod, budgets: PhaseBudgets) -> Place:
    if pod.scheduled.status == "False":  # Unschedulable, or held back by a scheduling gate
        since = pod.scheduled.since or pod.created
        return Place(Phase.WAITING_FOR_CAPACITY, since, budgets.capacity_seconds, pod.name)
    return Place(Phase.STARTING, pod.created, budgets.start_seconds, pod.name)


def _find_initializing(pod: Pod, container: Container, begun: datetime | None, budgets: PhaseBudgets) -> Place | None:
    """The place where this init container is what the pod waits for."""
    if container.is_done or (container.is_sidecar and (container.is_started or container.is_ready)):
        return None
    subject = f"{pod.name}, container {container.name}"
    if not container.has_run:
        return Place(Phase.PULLING, begun, budgets.pull_seconds, subject)
    return Place(Phase.DOWNLOADING, _run_since(container) or begun, budgets.download_seconds, subject)


def _find_serving(pod: Pod, begun: datetime | None, budgets: PhaseBudgets) -> Place:
    unready = [container for container in pod.containers if not container.is_ready] or list(pod.containers)
    for container in unready:
        if not container.has_run:
            return Place(Phase.PULLING, begun, budgets.pull_seconds, f"{pod.name}, container {container.name}")
    for container in unready:
        if is_loading(pod, container):
            budget, since = find_load_budget(pod, budgets), _run_since(container) or begun
            return Place(Phase.LOADING, since, budget, f"{pod.name}, container {container.name}")
    since = newest(pod.ready.since, begun, *(container.running_since for container in unready))
    return Place(Phase.WARMING, since, find_load_budget(pod, budgets), pod.name)


def is_loading(pod: Pod, container: Container) -> bool:
    """Whether the server has not started. Without a startup probe that is so until it is ready for the first time."""
    if not container.is_running or not container.is_started:
        return True
    return container.startup_seconds is None and not was_ready_since_start(pod, container)


def was_ready_since_start(pod: Pod, container: Container) -> bool:
    """Whether the pod has been ready since this container last started, though it is not now."""
    lost, started = pod.ready.since, container.running_since
    return lost is not None and started is not None and lost > started + _JUST_NOW


def find_load_budget(pod: Pod, budgets: PhaseBudgets) -> float:
    """Seconds from the start of the server to ready. Where its startup probe is more patient, the probe decides."""
    return max(budgets.load_seconds, *(container.startup_seconds or 0.0 for container in pod.containers), 0.0)


def _run_since(container: Container) -> datetime | None:
    """When its present run began; where it waits to run again, the one before."""
    return container.running_since or (container.ended.started_at if container.ended else None)
