"""What is wrong before there is a pod: controllers that refuse, are refused, or are silent.

Owns: signs of the workload, its Deployment and its ReplicaSet. Refuses: signs of pods (`pod_failures`).
KServe: `lastFailureInfo` is not cleared on success and reads one arbitrary pod; it is believed only with
`transitionStatus: InvalidSpec`, and only while the child Deployment does not carry the revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from generator.render.pods import map_at
from generator.rollout.events import EventIndex
from generator.rollout.live import Condition, oldest, read_conditions, read_name, read_text, read_time, read_uid
from generator.rollout.signs import Patience, Sign, make_sign
from generator.rollout.status import Body, Expectation, LiveObjects, Reason
from generator.rollout.workload import INFERENCE_SERVICE, Pods, Workload, read_replicas

_RECENT = timedelta(seconds=120)
"""How long an event about a controller's trouble is believed: it tries again, with growing pauses."""
_CONFLICT = "the object has been modified"
"""A controller's optimistic lock; it simply tries again."""


def find_refusals(workload: Workload, pods: Pods, events: EventIndex, now: datetime) -> Iterator[Sign]:
    """Pods that the API server does not let the new ReplicaSet make."""
    if workload.deployment is None or len(pods.active) >= _asked(workload):
        return
    name = read_name(workload.replica_set) or read_name(workload.deployment)
    found = _find_replica_failure(workload)
    if found is not None:
        since, words = found.since, found.message or found.reason
    else:
        failed = [
            event
            for event in events.about(read_uid(workload.replica_set), "FailedCreate")
            if event.last is not None and now - event.last <= _RECENT
        ]
        if not failed:
            return
        since, words = oldest(*(event.first for event in failed)), failed[-1].message
    waits = "exceeded quota" in words.lower()
    patience = Patience.PHASE if waits else Patience.TIME
    yield make_sign(Reason.PODS_REFUSED, f"{name}: pods are refused", words, patience=patience, since=since, key=name)


def _asked(workload: Workload) -> int:
    """How many pods the new ReplicaSet should have made by now; in a roll that is fewer than are wanted."""
    return read_replicas(workload.replica_set or workload.deployment)


def _find_replica_failure(workload: Workload) -> Condition | None:
    """The ReplicaSet's own word; the Deployment's may be about an older set and counts only where there is none."""
    body = workload.replica_set or workload.deployment
    found = read_conditions(body).get("ReplicaFailure")
    return found if found is not None and found.status == "True" else None


def find_invalid(expectation: Expectation, workload: Workload, live: LiveObjects, events: EventIndex) -> Iterator[Sign]:
    """KServe does not take the object: it says so, and makes nothing of this revision."""
    service = live.workload
    if expectation.kind != INFERENCE_SERVICE or service is None or not workload.is_applied:
        return
    if workload.is_made or workload.is_stopped:
        return
    words, since = _read_invalid(service, workload.written_at)
    if not words:
        failed = [
            event
            for event in events.about(read_uid(service), "InternalError")
            if _CONFLICT not in event.message and _is_after(event.last, workload.written_at)
        ]
        words, since = (failed[-1].message, oldest(*(event.first for event in failed))) if failed else ("", None)
    if words:
        what = f"KServe does not take InferenceService {expectation.workload}"
        yield make_sign(Reason.INVALID_SPEC, what, words, patience=Patience.TIME, since=since, key=expectation.workload)


def _read_invalid(service: Body, written_at: datetime | None) -> tuple[str, datetime | None]:
    model = map_at(service, "status", "modelStatus")
    if model.get("transitionStatus") != "InvalidSpec":
        return "", None
    info = map_at(model, "lastFailureInfo")
    since = read_time(info.get("time"))
    if since is not None and not _is_after(since, written_at):
        return "", None
    words = [read_text(info, "reason"), read_text(info, "message")]
    return ": ".join(word for word in words if word) or "InvalidSpec", since


def _is_after(moment: datetime | None, written_at: datetime | None) -> bool:
    """Whether it was said about the object as it is now; times are cut to the second."""
    return moment is None or written_at is None or moment >= written_at - timedelta(seconds=1)
