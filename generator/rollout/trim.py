"""The fields of live objects that an assessment reads, and no others.

Owns: what is kept of each kind, for a watch over thousands of endpoints. Refuses: judging. `assess` answers the same
on whole and on trimmed objects; a field that it begins to read is to be added here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.render.pods import AUTOSCALER, ENDPOINT, MODE, ORDINAL, REVISION, STOP, items_at, map_at
from generator.rollout.live import spec_written_at
from generator.rollout.status import Body, write_time

_METADATA = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation")
_ANNOTATIONS = (REVISION, STOP, MODE, AUTOSCALER, ORDINAL)
_LABELS = ("component", ENDPOINT)
_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime", "lastUpdateTime")
_COUNTS = ("observedGeneration", "replicas", "updatedReplicas", "availableReplicas")
_POD_CONDITIONS = ("PodScheduled", "Ready", "PodReadyToStartContainers", "DisruptionTarget")
_PROBE = ("initialDelaySeconds", "failureThreshold", "periodSeconds")
_CONTAINERS = ("initContainers", "containers")
_WORDS = 1024
"""Characters kept of a message: more than evidence shows, and enough to know its words by."""


def trim_pod(body: Body) -> Body:
    """A pod: its owner, conditions, containers and how they do."""
    spec, status = map_at(body, "spec"), map_at(body, "status")
    kept: dict[str, Any] = _keep(status, ("phase", "reason", "message"))
    kept["conditions"] = _trim_conditions(status, _POD_CONDITIONS)
    for name in ("initContainerStatuses", "containerStatuses"):
        kept[name] = [_trim_container_status(item) for item in items_at(status, name)]
    containers = {name: [_trim_container(item) for item in items_at(spec, name)] for name in _CONTAINERS}
    return _drop_empty(
        {**_head(body), "spec": _drop_empty({**_keep(spec, ("nodeName",)), **containers}), "status": kept}
    )


def trim_replica_set(body: Body) -> Body:
    """A ReplicaSet: its owner, the pod revision of its template, what it could not make."""
    status = {"conditions": _trim_conditions(map_at(body, "status"), ("ReplicaFailure",))}
    return _drop_empty({**_head(body), "spec": _trim_template_spec(body, ()), "status": status})


def trim_deployment(body: Body) -> Body:
    """A Deployment: what it asks for, what its controller has observed and counted."""
    status = map_at(body, "status")
    kept = {**_keep(status, _COUNTS), "conditions": _trim_conditions(status, ("Progressing", "ReplicaFailure"))}
    spec = _trim_template_spec(body, ("paused", "minReadySeconds"))
    return _drop_empty({**_head(body, is_workload=True), "spec": spec, "status": kept})


def trim_inference_service(body: Body) -> Body:
    """An InferenceService: its annotations, whether KServe takes it, and its Knative revisions and traffic."""
    status = map_at(body, "status")
    model = map_at(status, "modelStatus")
    predictor = map_at(status, "components", "predictor")
    kept = {
        "modelStatus": {
            **_keep(model, ("transitionStatus",)),
            "lastFailureInfo": _keep(map_at(model, "lastFailureInfo"), ("reason", "message", "time")),
        },
        "components": {
            "predictor": {
                **_keep(predictor, ("latestCreatedRevision", "latestReadyRevision")),
                "traffic": [dict(target) for target in items_at(predictor, "traffic")],
            }
        },
    }
    spec = {"predictor": _keep(map_at(body, "spec", "predictor"), ("canaryTrafficPercent",))}
    return _drop_empty({**_head(body, is_workload=True), "spec": spec, "status": kept})


def trim_event(body: Body) -> Body:
    """An event: about what, why, how often, when."""
    about = _keep(map_at(body, "involvedObject"), ("kind", "namespace", "name", "uid"))
    names = ("type", "reason", "message", "count", "firstTimestamp", "lastTimestamp", "eventTime")
    series = _keep(map_at(body, "series"), ("count", "lastObservedTime"))
    return _drop_empty({**_head(body), **_keep(body, names), "involvedObject": about, "series": series})


def _head(body: Body, *, is_workload: bool = False) -> dict[str, Any]:
    """Kind and metadata. Of a workload's field managers only the last time of a write is kept."""
    metadata = map_at(body, "metadata")
    written = write_time(spec_written_at(body)) if is_workload else None
    owners = [_keep(owner, ("kind", "uid", "controller")) for owner in items_at(metadata, "ownerReferences")]
    kept = {
        **_keep(metadata, _METADATA),
        "labels": _keep(map_at(metadata, "labels"), _LABELS),
        "annotations": _keep(map_at(metadata, "annotations"), _ANNOTATIONS),
        "ownerReferences": [owner for owner in owners if owner.get("controller")],
        "managedFields": [{"time": written}] if written else [],
    }
    return {**_keep(body, ("apiVersion", "kind")), "metadata": _drop_empty(kept)}


def _trim_template_spec(body: Body, more: Sequence[str]) -> dict[str, Any]:
    spec = map_at(body, "spec")
    annotations = _keep(map_at(spec, "template", "metadata", "annotations"), (REVISION,))
    return {**_keep(spec, ("replicas", *more)), "template": {"metadata": {"annotations": annotations}}}


def _trim_conditions(status: Mapping[str, Any], types: Sequence[str]) -> list[dict[str, Any]]:
    return [_keep(item, _CONDITION) for item in items_at(status, "conditions") if item.get("type") in types]


def _trim_container(spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = _keep(spec, ("name", "image", "restartPolicy"))
    probe = spec.get("startupProbe")
    if isinstance(probe, dict) and probe:  # a probe of defaults only is a probe too
        kept["startupProbe"] = _keep(probe, _PROBE) or {"periodSeconds": 10}
    return kept


def _trim_container_status(status: Mapping[str, Any]) -> dict[str, Any]:
    kept = _keep(status, ("name", "ready", "started", "restartCount"))
    for name in ("state", "lastState"):
        kept[name] = {how: _trim_state(state) for how, state in map_at(status, name).items() if state}
    return _drop_empty(kept)


def _trim_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """`containerID` alone would make a state that is not empty, so an empty one stays away as it was."""
    return _keep(state, ("reason", "message", "exitCode", "startedAt", "finishedAt")) or {"reason": ""}


def _keep(body: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: _shorten(body[name]) for name in names if body.get(name) is not None}


def _shorten(value: Any) -> Any:
    return " ".join(value.split())[:_WORDS] if isinstance(value, str) and len(value) > _WORDS else value


def _drop_empty(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in ({}, [])}
