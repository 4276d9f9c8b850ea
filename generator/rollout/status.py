"""What is asked about a rollout, and what is answered.

Owns: the frozen values between whoever watches a cluster and whoever tells people. Refuses: how the answer is found
(`assess`). Times are aware datetimes in UTC, budgets are seconds, counts are pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Body = Mapping[str, Any]


class Phase(StrEnum):
    """Where a rollout stands; of several pods of the new revision, where the one that is furthest behind stands."""

    NOT_APPLIED = "not applied"
    """The workload is not there, or carries an older revision."""
    STARTING = "starting"
    """Applied; the controllers have made no pods of the new revision yet."""
    WAITING_FOR_CAPACITY = "waiting for capacity"
    """A pod fits on no node, or a quota refuses pods."""
    PULLING = "pulling"
    """Scheduled: volumes are mounted, images pulled."""
    DOWNLOADING = "downloading the model"
    """An init container (the storage initializer) runs."""
    LOADING = "loading the model"
    """The server runs and has not passed its startup probe."""
    WARMING = "warming"
    """Started, not ready yet."""
    DRAINING = "draining old pods"
    """All new pods are ready and available; old ones are not all terminating or gone."""
    LIVE = "live"
    """Only the new revision serves."""
    STOPPING = "stopping"
    """No pods are wanted; some are still there."""
    STOPPED = "stopped"
    """No pods are wanted, and there are none."""


class Verdict(StrEnum):
    """What is said about the revision. `healthy`, `failed` and `superseded` are final for a wait."""

    PROGRESSING = "progressing"
    FAILING = "failing"
    """Something is wrong, and shown at once with its reason; its attempts and budget are not spent. Waiting for GPUs
    or a quota is named by a `Failure` too, but goes on as `progressing`: it is a phase with a budget of its own."""
    HEALTHY = "healthy"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """The cluster already carries a newer revision."""

    @property
    def is_final(self) -> bool:
        """Whether a wait ends here."""
        return self in (Verdict.HEALTHY, Verdict.FAILED, Verdict.SUPERSEDED)


class Reason(StrEnum):
    """The failure taxonomy. The text is what people and scripts see."""

    IMAGE_PULL = "ImagePull"
    CRASH_LOOP = "CrashLoop"
    OUT_OF_MEMORY = "OutOfMemory"
    UNSCHEDULABLE = "Unschedulable"
    CONFIG_ERROR = "ConfigError"
    """A Secret, ConfigMap or key that the container needs is missing."""
    MOUNT_FAILED = "MountFailed"
    DOWNLOAD_FAILED = "DownloadFailed"
    """The init container that brings the model ends with an error."""
    QUOTA_EXCEEDED = "QuotaExceeded"
    PODS_REFUSED = "PodsRefused"
    """A webhook, a policy or the API server refuses the pods for another reason than a quota."""
    LOAD_TIMEOUT = "LoadTimeout"
    """The server runs and did not become ready within its budget."""
    DOWNLOAD_TIMEOUT = "DownloadTimeout"
    PULL_TIMEOUT = "PullTimeout"
    DRAIN_TIMEOUT = "DrainTimeout"
    EVICTED = "Evicted"
    """Pods are evicted, preempted or lost with their node again and again."""
    INVALID_SPEC = "InvalidSpec"
    """The controller (KServe) does not take the object; its own words are the evidence."""
    CONTROLLER_SILENT = "ControllerSilent"
    """Nothing was made of the object within the budget: the controller does not run, or does not look."""


@dataclass(frozen=True, slots=True)
class PhaseBudgets:
    """How long each phase may take, in seconds; what failing may cost before it is a verdict."""

    capacity_seconds: float = 1800.0
    download_seconds: float = 1800.0
    load_seconds: float = 1800.0
    drain_seconds: float = 80.0
    """Pause before the stop signal, drain and clean-up together: the pod's termination grace."""
    pull_seconds: float = 1800.0
    start_seconds: float = 120.0
    """How long controllers may take until they make something of what was applied."""
    attempts: int = 3
    """Pulls or crashes before the verdict `failed`; design.md."""
    failing_seconds: float = 180.0
    """And how long it has to go on for that; design.md."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What git says about one endpoint: the workload and the revisions that it should carry."""

    environment: str
    endpoint: str
    namespace: str
    kind: str
    """`Deployment`, `InferenceService`, or empty where nothing is deployed (an external model, a deleted endpoint)."""
    workload: str
    """Name of the workload object."""
    revision: int
    pod_revision: int
    replicas: int
    """The least number of pods that should serve; 0 for a stopped endpoint."""
    gpus: int = 0
    """GPUs of one pod."""
    budgets: PhaseBudgets = PhaseBudgets()
    applied_at: datetime | None = None
    """When the reconciler applied the revision, where that is known; else the objects' own times are used."""
    workload_revision: int | None = None
    """The revision that the workload object itself carries: at most `revision`, for an object that did not change
    keeps its own. None where it is not known: then any from the pod revision on will do."""
    scales_to_zero: bool = False
    """Whether an autoscaler may take all pods away, so that `replicas` 0 does not mean stopped."""


@dataclass(frozen=True, slots=True)
class LiveObjects:
    """What the cluster shows of one endpoint. Bodies are plain JSON data as the API has them, perhaps trimmed."""

    workload: Body | None = None
    """The object that git names: Deployment or InferenceService."""
    deployment: Body | None = None
    """The Deployment that makes the pods: the workload itself, or the child of an InferenceService."""
    replica_sets: tuple[Body, ...] = ()
    pods: tuple[Body, ...] = ()
    events: tuple[Body, ...] = ()
    """Events about the workload, its Deployment, ReplicaSets and pods."""
    revisions: tuple[Body, ...] = ()
    """Knative Revisions of the InferenceService, where there are any."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the cluster does not remember and an assessment has to: since when, and how often.

    Handed in with each assessment and given back by it; an empty one is a fair start, also after a restart.
    """

    revision: int = 0
    """What is remembered is about this revision and this pod revision; another one starts afresh."""
    pod_revision: int = 0
    phase: Phase | None = None
    phase_since: datetime | None = None
    failing_since: Mapping[str, datetime] = field(default_factory=dict)
    """When each reason was first seen without a pause."""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """Failed attempts seen, by reason."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else `assess` needs to count attempts once."""
    verdict: Verdict | None = None
    """The final verdict, once there was one for this revision: it stays."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Pods by what they do. `updated` carry the pod revision, `ready` are those of them that are ready."""

    wanted: int = 0
    updated: int = 0
    ready: int = 0
    old_serving: int = 0
    """Ready pods of older revisions that are not terminating."""
    terminating: int = 0
    old_revision: int | None = None
    """The pod revision that most of the old pods carry."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a rollout fails or failed; with the verdict `progressing`, what it waits for (GPUs, a quota)."""

    reason: Reason
    cause: str
    """One sentence for people, naming pod and container."""
    evidence: str
    """The raw words of Kubernetes, on one line, at most 1,000 characters."""
    hint: str
    """What to do next."""
    since: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """The answer. `newest_live` and `serving` are two questions: a failed update may still serve."""

    expectation: Expectation
    phase: Phase
    verdict: Verdict
    progress: Progress
    since: datetime
    """When the phase began."""
    deadline: datetime | None
    """When the phase's budget is spent; None where it has none."""
    newest_live: bool
    """Whether ready pods carry the pod revision and all old ones are gone or terminating."""
    serving: bool
    """Whether anything serves: a ready pod of any revision that is not terminating."""
    failure: Failure | None = None
    note: str = ""
    """What else is worth knowing, e.g. `needs 4 GPUs, 2 are free`."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: camelCase keys that are always there, times as ISO 8601 in UTC."""
        expectation, progress, failure = self.expectation, self.progress, self.failure
        return {
            "environment": expectation.environment,
            "endpoint": expectation.endpoint,
            "namespace": expectation.namespace,
            "kind": expectation.kind,
            "workload": expectation.workload,
            "revision": expectation.revision,
            "podRevision": expectation.pod_revision,
            "phase": self.phase.value,
            "verdict": self.verdict.value,
            "since": write_time(self.since),
            "deadline": write_time(self.deadline),
            "newestLive": self.newest_live,
            "serving": self.serving,
            "progress": {
                "wanted": progress.wanted,
                "updated": progress.updated,
                "ready": progress.ready,
                "oldServing": progress.old_serving,
                "terminating": progress.terminating,
                "oldRevision": progress.old_revision,
            },
            "failure": failure
            and {
                "reason": failure.reason.value,
                "cause": failure.cause,
                "evidence": failure.evidence,
                "hint": failure.hint,
                "since": write_time(failure.since),
                "attempts": failure.attempts,
            },
            "note": self.note,
        }


def write_time(moment: datetime | None) -> str | None:
    """A time as Kubernetes writes it, such as `2026-01-31T12:00:00Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
