"""A live pod as a rollout sees it: scheduled, containers, readiness, how it ended.

Owns: reading a pod's status. Refuses: what it means for a rollout (`phases`, `failures`).
Source of the fields: the kubelet's and the scheduler's conditions and container states, Kubernetes v1.28-v1.36.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generator.render.pods import items_at, map_at
from generator.rollout.live import (
    Condition,
    controller_uid,
    is_terminating,
    read_conditions,
    read_count,
    read_created,
    read_name,
    read_revision,
    read_text,
    read_time,
    read_uid,
)
from generator.rollout.status import Body

_NO_CONDITION = Condition("", "", "", None, None)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container's run ended; `message` is its termination message."""

    reason: str
    exit_code: int
    message: str
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def seconds(self) -> float:
        """How long it ran; 0 where that is not known."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Container:
    """One container: what it does now, and how its last run ended."""

    name: str
    image: str
    is_sidecar: bool
    """An init container that goes on beside the others."""
    startup_seconds: float | None
    """What its startup probe allows; None where it has none."""
    waiting: str
    """Why it waits, such as `ImagePullBackOff`; empty where it does not."""
    waiting_message: str
    running_since: datetime | None
    is_running: bool
    is_started: bool
    is_ready: bool
    restarts: int
    ended: Ended | None
    """The end of its run where it has ended, else of the run before."""
    has_ended: bool
    """Whether it is not running because it has ended."""

    @property
    def has_run(self) -> bool:
        """Whether it ever ran."""
        return self.is_running or self.ended is not None or self.restarts > 0

    @property
    def is_done(self) -> bool:
        """Whether it has ended well."""
        return self.has_ended and self.ended is not None and self.ended.exit_code == 0


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod."""

    name: str
    uid: str
    revision: int | None
    replica_set: str
    """The uid of the ReplicaSet that controls it, or empty."""
    created: datetime | None
    is_terminating: bool
    is_finished: bool
    """Whether all its containers have ended for ever: evicted, lost, completed."""
    end_reason: str
    end_message: str
    scheduled: Condition
    ready: Condition
    mounted: Condition
    """PodReadyToStartContainers: volumes are mounted, the sandbox stands. Kubernetes 1.29 and later."""
    disrupted: Condition
    """DisruptionTarget: evicted, preempted, or its node is going."""
    init_containers: tuple[Container, ...]
    containers: tuple[Container, ...]

    @property
    def is_ready(self) -> bool:
        """Whether it serves and goes on serving."""
        return self.ready.status == "True" and not self.is_terminating and not self.is_finished

    @property
    def is_active(self) -> bool:
        """Whether it counts as a replica: neither ended nor being deleted."""
        return not self.is_terminating and not self.is_finished


def read_pod(body: Body) -> Pod:
    """Shape: a Pod of the API, whole or trimmed."""
    conditions = read_conditions(body)
    phase = read_text(body, "status", "phase")
    return Pod(
        name=read_name(body),
        uid=read_uid(body),
        revision=read_revision(body),
        replica_set=controller_uid(body, "ReplicaSet"),
        created=read_created(body),
        is_terminating=is_terminating(body),
        is_finished=phase in ("Succeeded", "Failed"),
        end_reason=read_text(body, "status", "reason"),
        end_message=read_text(body, "status", "message"),
        scheduled=_find_scheduled(body, conditions),
        ready=conditions.get("Ready", _NO_CONDITION),
        mounted=conditions.get("PodReadyToStartContainers", _NO_CONDITION),
        disrupted=conditions.get("DisruptionTarget", _NO_CONDITION),
        init_containers=_read_containers(body, "initContainers", "initContainerStatuses"),
        containers=_read_containers(body, "containers", "containerStatuses"),
    )


def _find_scheduled(body: Body, conditions: dict[str, Condition]) -> Condition:
    """The scheduler's word; a pod with a node is scheduled even where nobody has said so."""
    found = conditions.get("PodScheduled", _NO_CONDITION)
    if read_text(body, "spec", "nodeName") and found.status != "True":
        return Condition("True", "", "", found.since, None)
    return found


def _read_containers(body: Body, specs: str, statuses: str) -> tuple[Container, ...]:
    """One for each container of the spec, in its order; the kubelet reports them later and in any order."""
    known = {str(status.get("name")): status for status in items_at(body, "status", statuses)}
    return tuple(_read_container(spec, known.get(str(spec.get("name")), {})) for spec in items_at(body, "spec", specs))


def _read_container(spec: Body, status: Body) -> Container:
    waiting = map_at(status, "state", "waiting")
    running = map_at(status, "state", "running")
    now_ended, last_ended = map_at(status, "state", "terminated"), map_at(status, "lastState", "terminated")
    return Container(
        name=str(spec.get("name") or ""),
        image=str(spec.get("image") or ""),
        is_sidecar=spec.get("restartPolicy") == "Always",
        startup_seconds=_find_startup_seconds(spec),
        waiting=str(waiting.get("reason") or ""),
        waiting_message=str(waiting.get("message") or ""),
        running_since=read_time(running.get("startedAt")),
        is_running=bool(running),
        is_started=status.get("started") is True,
        is_ready=status.get("ready") is True,
        restarts=read_count(status, "restartCount"),
        ended=_read_end(now_ended or last_ended),
        has_ended=bool(now_ended),
    )


def _read_end(state: Body) -> Ended | None:
    if not state:
        return None
    return Ended(
        str(state.get("reason") or ""),
        read_count(state, "exitCode"),
        str(state.get("message") or ""),
        read_time(state.get("startedAt")),
        read_time(state.get("finishedAt")),
    )


def _find_startup_seconds(spec: Body) -> float | None:
    """What the kubelet waits before it kills a server that does not start; its own defaults are 3 times 10 s."""
    probe: Any = spec.get("startupProbe")
    if not isinstance(probe, dict) or not probe:
        return None
    times, period = read_count(probe, "failureThreshold") or 3, read_count(probe, "periodSeconds") or 10
    return float(read_count(probe, "initialDelaySeconds") + times * period)
