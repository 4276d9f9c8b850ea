"""When a budget is spent.

Owns: since when a phase counts, and what is said when it has taken too long. Refuses: how long each may take
(`status.PhaseBudgets`, `phases`). Kubernetes' own times come first, so that an empty memory gives a fair answer; phases
that controllers are responsible for have none, and are remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from generator.rollout.causes import HINTS, find_cause
from generator.rollout.failing import Judged, Tracked
from generator.rollout.live import newest, one_line, read_conditions, read_name
from generator.rollout.phases import Place
from generator.rollout.signs import Patience, Sign
from generator.rollout.status import Expectation, Failure, Memory, Phase, Reason
from generator.rollout.workload import Workload

_BY_CONTROLLERS = (Phase.NOT_APPLIED, Phase.STARTING, Phase.DRAINING, Phase.STOPPING)
_TIMEOUTS = {
    Phase.STARTING: (Reason.CONTROLLER_SILENT, "the controllers have not made its pods"),
    Phase.WAITING_FOR_CAPACITY: (Reason.UNSCHEDULABLE, "no capacity was found"),
    Phase.PULLING: (Reason.PULL_TIMEOUT, "volumes and images were not ready"),
    Phase.DOWNLOADING: (Reason.DOWNLOAD_TIMEOUT, "the model was not downloaded"),
    Phase.LOADING: (Reason.LOAD_TIMEOUT, "the server did not start"),
    Phase.WARMING: (Reason.LOAD_TIMEOUT, "it did not become ready"),
    Phase.DRAINING: (Reason.DRAIN_TIMEOUT, "the old pods did not end"),
    Phase.STOPPING: (Reason.DRAIN_TIMEOUT, "the pods did not end"),
}
_SIGNS_OF = {
    Phase.WAITING_FOR_CAPACITY: (Reason.UNSCHEDULABLE, Reason.QUOTA_EXCEEDED),
    Phase.STARTING: (Reason.INVALID_SPEC, Reason.PODS_REFUSED),
    Phase.PULLING: (Reason.IMAGE_PULL, Reason.MOUNT_FAILED, Reason.CONFIG_ERROR),
    Phase.DOWNLOADING: (Reason.DOWNLOAD_FAILED, Reason.OUT_OF_MEMORY),
    Phase.LOADING: (Reason.CRASH_LOOP, Reason.OUT_OF_MEMORY),
}
"""Signs that say more than that a phase took too long."""
_COMPLETED = "NewReplicaSetAvailable"


def choose_since(place: Place, memory: Memory, now: datetime) -> datetime:
    """When the phase began, never after now."""
    if memory.phase is not None and (place.since is None or place.phase in _BY_CONTROLLERS):
        return memory.phase_since if memory.phase is place.phase and memory.phase_since else now
    return min(place.since or now, now)


def find_floor(expectation: Expectation, workload: Workload, memory: Memory, now: datetime) -> datetime | None:
    """Before which nothing counts: the revision was not there, or its pods had all been well once.

    Where the Deployment's controller says that this very ReplicaSet has been complete, and nothing is remembered, what
    is wrong now is not the rollout of long ago: a restart of revstamp must not call it failed at its first look.
    """
    known: datetime | None = memory.details.get("floor")
    if memory.phase is None and workload.replica_set is not None:
        progressing = read_conditions(workload.deployment).get("Progressing")
        if progressing is not None and progressing.reason == _COMPLETED:
            known = now if read_name(workload.replica_set) in progressing.message.replace('"', " ").split() else known
    return newest(known, expectation.applied_at if expectation.applied_at and expectation.applied_at <= now else None)


def find_expired(
    places: Sequence[Place], tracked: Tracked, warnings: Mapping[str, str], floor: datetime | None, now: datetime
) -> Judged | None:
    """The first phase, of the rollout or of any pod, that has taken longer than it may.

    `warnings`: the cluster's last words about each pod and the workload, by name.
    """
    for place in places:
        since = newest(place.since, floor)
        if place.budget is None or place.since is None or since is None:
            continue
        if (now - since).total_seconds() >= place.budget:
            return _judge_expired(place, since, tracked, warnings)
    return None


def _judge_expired(place: Place, since: datetime, tracked: Tracked, warnings: Mapping[str, str]) -> Judged:
    """What is known to be wrong in that phase, else that it took too long."""
    for judged in tracked.judged:
        if judged.failure.reason in _SIGNS_OF.get(place.phase, ()):
            return judged
    reason, what = _TIMEOUTS[place.phase]
    cause = f"{place.subject}: {what} within {place.budget:g} s"
    said = warnings.get(place.subject.partition(",")[0], "")
    evidence = one_line(said) or f"{place.phase.value} since {since.isoformat(timespec='seconds')}"
    known = find_cause(reason, evidence)
    sign = Sign(reason, cause, evidence, known.hint if known else HINTS[reason], Patience.NONE, since)
    return Judged(sign, Failure(reason, sign.cause, sign.evidence, sign.hint, since, 0), True)
