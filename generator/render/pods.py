"""Which part of an object decides its pods, and where its pods carry their revision.

Owns: the rule "only what must restart, restarts" for each kind: what replaces pods when it changes, and what is
immutable. Refuses: writing revisions (`stamp`) and telling people about them (`diff`).
Sources: a Deployment replaces its pods when its template changes; KServe copies the labels and annotations of an
InferenceService to its pods, and Knative makes a new Revision for any change of a template that includes the
bounds of its autoscaler (KServe v0.15-v0.20, seen on v0.17).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ENDPOINT = "revstamp.io/endpoint"
REVISION = "revstamp.io/revision"
ORDINAL = "deployment.kubernetes.io/revision"
"""How a Deployment's controller numbers its ReplicaSets; the highest is the newest."""
STOP = "serving.kserve.io/stop"
MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER = "serving.kserve.io/autoscalerClass"
TEMPLATE = ("spec", "template")

STANDARD_MODES = frozenset({"Standard", "RawDeployment"})
KNATIVE_MODES = frozenset({"Knative", "Serverless"})

STANDARD_EXEMPT = frozenset(
    {
        "minReplicas",
        "maxReplicas",
        "scaleTarget",
        "scaleMetric",
        "timeout",
        "deploymentStrategy",
        "canaryTrafficPercent",
    }
)
"""Fields of a predictor that do not reach the pods in Standard mode; canary traffic is ignored there altogether."""

KNATIVE_EXEMPT = frozenset({"canaryTrafficPercent"})
"""In Knative mode all others end in the Revision's template, the bounds as its min-scale and max-scale."""

_NOTHING: Mapping[str, Any] = {}
_MAPPINGS = (dict, Mapping)
"""Asked for a dict first, which is what nearly all are: the check for any mapping takes ten times as long."""


def value_at(value: Any, *path: str) -> Any:
    """What stands at the path, or None; a hand-edited file may hold anything anywhere."""
    for key in path:
        if not isinstance(value, _MAPPINGS):
            return None
        value = value.get(key)
    return value


def map_at(value: Any, *path: str) -> Mapping[str, Any]:
    """The mapping at the path, or an empty one."""
    found = value_at(value, *path)
    return found if isinstance(found, _MAPPINGS) else _NOTHING


def items_at(value: Any, *path: str) -> list[Mapping[str, Any]]:
    """The mappings of the list at the path; what is no mapping is passed over."""
    found = value_at(value, *path)
    return [item for item in found if isinstance(item, _MAPPINGS)] if isinstance(found, list) else []


def kind_of(body: Any) -> str:
    """The object's kind, or an empty string."""
    return str(value_at(body, "kind") or "")


def identity(body: Any) -> tuple[str, str, str]:
    """Kind, namespace and name: another one of these is another object, whatever the file is called."""
    metadata = map_at(body, "metadata")
    return kind_of(body), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def is_standard(body: Any) -> bool:
    """Whether an InferenceService runs as a plain Deployment. Without the annotation the cluster decides: not sure."""
    mode = value_at(body, "metadata", "annotations", MODE)
    return isinstance(mode, str) and mode in STANDARD_MODES


def is_stopped(body: Any) -> bool:
    """Whether an InferenceService is asked to run no workload at all."""
    return str(value_at(body, "metadata", "annotations", STOP)).lower() == "true"


def exempt_fields(body: Any) -> frozenset[str]:
    """Fields of an InferenceService's predictor that may change without new pods."""
    return STANDARD_EXEMPT if is_standard(body) else KNATIVE_EXEMPT


def pod_revision_path(kind: str) -> tuple[str, ...] | None:
    """Where the pod revision of an object of this kind stands, or None where the kind has no pods."""
    if kind == "Deployment":
        return (*TEMPLATE, "metadata", "annotations", REVISION)
    return own_revision_path() if kind == "InferenceService" else None


def own_revision_path() -> tuple[str, ...]:
    """Where an object's own revision stands."""
    return ("metadata", "annotations", REVISION)


def pod_part(body: Any) -> Any | None:
    """The part of an object that decides its pods, without revstamp's revision; None where the kind has none.

    Two objects with the same part can follow each other without a pod being replaced.
    """
    kind = kind_of(body)
    if kind == "Deployment":
        template = without_revision(value_at(body, *TEMPLATE))
        return {"template": template, "selector": value_at(body, "spec", "selector")}
    if kind == "InferenceService":
        return _inference_service_part(body)
    return None


def _inference_service_part(body: Any) -> dict[str, Any]:
    annotations = {
        key: text for key, text in map_at(body, "metadata", "annotations").items() if key not in (REVISION, STOP)
    }
    spec = value_at(body, "spec")
    predictor = value_at(spec, "predictor")
    if isinstance(predictor, Mapping):
        exempt = exempt_fields(body)
        spec = {**spec, "predictor": {key: field for key, field in predictor.items() if key not in exempt}}
    return {"labels": value_at(body, "metadata", "labels"), "annotations": annotations, "spec": spec}


def without_revision(value: Any) -> Any:
    """The object or pod template without its own revision; a map of annotations that this empties goes too.

    The order of keys stays, since it is the order in which they are written.
    """
    annotations = value_at(value, "metadata", "annotations")
    if not isinstance(annotations, Mapping) or (annotations and REVISION not in annotations):
        return value
    kept = {key: text for key, text in annotations.items() if key != REVISION}
    metadata = _with_or_without(value["metadata"], "annotations", kept)
    return _with_or_without(value, "metadata", metadata)


def _with_or_without(value: Mapping[str, Any], key: str, inner: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the inner map at its old place, or without the key where nothing is left in it."""
    return {name: inner if name == key else item for name, item in value.items() if name != key or inner}


def without_revisions(body: Any) -> Any:
    """The object without any revision: what two renderings of one spec have in common."""
    body = without_revision(body)
    template = value_at(body, *TEMPLATE)
    if kind_of(body) != "Deployment" or not isinstance(template, Mapping):
        return body
    return {**body, "spec": {**body["spec"], "template": without_revision(template)}}


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are written alike: `1`, `1.0` and `true` are equal in Python and not in YAML."""
    if one is other:
        return True
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except (TypeError, ValueError, RecursionError):  # keys of mixed types, dates, cycles: no manifest of ours
        return False
