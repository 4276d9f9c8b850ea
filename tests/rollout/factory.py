"""Live objects as the API shows them, made by hand: a Deployment with its ReplicaSets, pods and events.

Owns: shapes that were seen on real clusters. Refuses: judging them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from generator.rollout.status import Expectation, LiveObjects, PhaseBudgets

Body = dict[str, Any]
REVISION = "revstamp.io/revision"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RUNNING = "running"


def at(seconds: float) -> str:
    """A time so many seconds before NOW, as Kubernetes writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def expectation(**changes: Any) -> Expectation:
    """Two pods of revision 2 in a Deployment `chat`."""
    usual: dict[str, Any] = {
        "environment": "prod", "endpoint": "chat", "namespace": "llm", "kind": "Deployment", "workload": "chat",
        "revision": 2, "pod_revision": 2, "replicas": 2, "gpus": 4, "budgets": PhaseBudgets(),
    }  # fmt: skip
    return Expectation(**{**usual, **changes})


def metadata(name: str, revision: int | None = None, **more: Any) -> Body:
    """With a uid of its own: the name's."""
    annotations = {REVISION: str(revision)} if revision is not None else {}
    return {"name": name, "uid": f"uid-{name}", "namespace": "llm", "annotations": annotations, **more}


def owned_by(kind: str, name: str) -> list[Body]:
    """The owner that controls an object."""
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}]


def deployment(
    revision: int = 2, replicas: int = 2, *, name: str = "chat", counts: tuple[int, int, int] | None = None,
    observed: bool = True, written: float | None = 100, conditions: Sequence[Body] = (), **spec: Any,
) -> Body:  # fmt: skip
    """`counts` are replicas, updated and available; all as many as are asked for where they are not given."""
    total, updated, available = counts or (replicas, replicas, replicas)
    managed = [{"manager": "revstamp", "operation": "Apply", "time": at(written)}] if written is not None else []
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(
            name, revision, generation=5, creationTimestamp=at(90000), managedFields=managed,
        ),
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"annotations": {REVISION: str(revision)}}, "spec": {"containers": []}},
            **spec,
        },
        "status": {
            "observedGeneration": 5 if observed else 4, "replicas": total, "updatedReplicas": updated,
            "availableReplicas": available, "conditions": list(conditions),
        },
    }  # fmt: skip


def replica_set(
    revision: int = 2, *, name: str = "", owner: str = "chat", replicas: int = 2, ordinal: int | None = None,
    conditions: Sequence[Body] = (),
) -> Body:  # fmt: skip
    """Called `chat-r2`, numbered by its revision."""
    name = name or f"{owner}-r{revision}"
    body = metadata(name, revision, creationTimestamp=at(95), ownerReferences=owned_by("Deployment", owner))
    body["annotations"]["deployment.kubernetes.io/revision"] = str(ordinal or revision)
    template = {"metadata": {"annotations": {REVISION: str(revision)}}}
    return {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": body,
        "spec": {"replicas": replicas, "template": template}, "status": {"conditions": list(conditions)},
    }  # fmt: skip


def container(state: str = RUNNING, *, name: str = "server", ready: bool = False, **more: Any) -> Body:
    """A container's status. `state` is `running`, a waiting reason, or `ended` with `exit_code` and `reason`.

    `began`, `finished`: seconds ago. `last`: how the run before ended, (reason, exit code, message).
    """
    began, finished = more.get("began", 60), more.get("finished", 10)
    if state == RUNNING:
        now: Body = {"running": {"startedAt": at(began)}}
    elif state == "ended":
        now = {"terminated": ended(more.get("reason", "Error"), more.get("exit_code", 1), began, finished)}
    else:
        now = {"waiting": {"reason": state, "message": more.get("message", "")}}
    last = {}
    if "last" in more:
        reason, code, words = more["last"]
        last = {"terminated": {**ended(reason, code, more.get("last_began", 80), finished), "message": words}}
    return {
        "name": name, "image": "registry/vllm:1", "ready": ready, "started": more.get("started", ready),
        "restartCount": more.get("restarts", 0), "state": now, "lastState": last,
    }  # fmt: skip


def ended(reason: str, code: int, began: float, finished: float) -> Body:
    """How a run ended."""
    return {"reason": reason, "exitCode": code, "startedAt": at(began), "finishedAt": at(finished)}


def condition(kind: str, status: str, ago: float = 50, reason: str = "", message: str = "") -> Body:
    """One condition."""
    return {"type": kind, "status": status, "lastTransitionTime": at(ago), "reason": reason, "message": message}


def pod(
    name: str = "chat-r2-a", revision: int | None = 2, *, ready: bool = False, owner: str | None = "",
    terminating: bool = False, phase: str = "Running", statuses: Sequence[Body] | None = None, **more: Any,
) -> Body:  # fmt: skip
    """A pod that is scheduled; ready, or loading. `scheduled`: seconds ago, or a PodScheduled condition."""
    owner = f"chat-r{revision}" if owner == "" else owner
    body = metadata(name, revision, creationTimestamp=at(more.get("created", 90)))
    if owner:
        body["ownerReferences"] = owned_by("ReplicaSet", owner)
    if terminating:
        body["deletionTimestamp"] = at(-30)
    scheduled = more.get("scheduled", 85)
    conditions = [scheduled] if isinstance(scheduled, dict) else [condition("PodScheduled", "True", scheduled)]
    conditions.append(condition("Ready", "True" if ready else "False", more.get("turned", 40 if ready else 85)))
    conditions += more.get("conditions", [])
    if statuses is None:
        statuses = [container(ready=ready)]
    spec: Body = {"containers": [{"name": "server", "image": "registry/vllm:1", **more.get("container_spec", {})}]}
    spec["containers"][0].setdefault("startupProbe", {"periodSeconds": 10, "failureThreshold": 180})
    status: Body = {"phase": phase, "conditions": conditions, "containerStatuses": list(statuses)}
    if "init" in more:
        spec["initContainers"] = [{"name": "storage-initializer", "image": "kserve/storage-initializer:1"}]
        status["initContainerStatuses"] = [more["init"]]
    status.update(more.get("status", {}))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": body, "spec": spec, "status": status}


def unschedulable(ago: float = 50, message: str = "0/16 nodes are available: 16 Insufficient nvidia.com/gpu.") -> Body:
    """What the scheduler says of a pod that fits nowhere."""
    return condition("PodScheduled", "False", ago, "Unschedulable", message)


def event(about: str, reason: str, message: str, *, first: float = 40, last: float = 5, count: int = 1) -> Body:
    """A warning about an object, by its name."""
    return {
        "metadata": {"name": f"{about}.{reason}.{first}", "uid": f"event-{about}-{reason}-{first}"},
        "involvedObject": {"uid": f"uid-{about}", "name": about}, "type": "Warning", "reason": reason,
        "message": message, "count": count, "firstTimestamp": at(first), "lastTimestamp": at(last),
    }  # fmt: skip


def live(body: Body | None, pods: Sequence[Body] = (), **more: Any) -> LiveObjects:
    """Of a Deployment, with ReplicaSets of both revisions."""
    sets = more.get("replica_sets", (replica_set(1, replicas=0), replica_set(2)))
    return LiveObjects(body, body, tuple(sets), tuple(pods), tuple(more.get("events", ())))


def service(revision: int = 2, *, mode: str = "Standard", written: float = 100, **more: Any) -> Body:
    """An InferenceService `chat`; `status`, `predictor` and further `annotations`."""
    body = metadata("chat", revision, generation=1, managedFields=[{"manager": "revstamp", "time": at(written)}])
    body["annotations"] |= {"serving.kserve.io/deploymentMode": mode, **more.get("annotations", {})}
    return {
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": body,
        "spec": {"predictor": more.get("predictor", {"minReplicas": 2})}, "status": more.get("status", {}),
    }  # fmt: skip
