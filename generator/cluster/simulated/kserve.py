"""KServe's controller in Standard mode: what it makes of an InferenceService.

Owns: the child Deployment, Service and autoscaler. Refuses: Knative, and saying how it goes (`kserve_status`).
Source: a real KServe 0.17: annotations and labels are copied to the Deployment and its pods, the number of replicas
is the autoscaler's, edits of the children are undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import (
    Address,
    KindKey,
    annotations_of,
    is_terminating,
    labels_of,
    make_owner_reference,
)
from generator.cluster.simulated.kserve_status import InferenceServiceStatus
from generator.cluster.simulated.replica_sets import is_controlled_by
from generator.cluster.simulated.world import AUTOSCALER, DEPLOYMENT, SERVICE, World

MANAGER = "manager"
"""The field manager of a KServe that runs from its image: the name of its program."""
MODE = "serving.kserve.io/deploymentMode"
STOP = "serving.kserve.io/stop"
_CLASS = "serving.kserve.io/autoscalerClass"
_STANDARD = ("Standard", "RawDeployment")
_NOT_COPIED = frozenset(
    {
        "autoscaling.knative.dev/min-scale",
        "autoscaling.knative.dev/max-scale",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
_NOT_A_POD = frozenset(
    {
        "minReplicas",
        "maxReplicas",
        "scaleTarget",
        "scaleMetric",
        "scaleMetricType",
        "autoScaling",
        "containerConcurrency",
        "timeout",
        "canaryTrafficPercent",
        "logger",
        "batcher",
        "labels",
        "annotations",
        "deploymentStrategy",
        "model",
        "workerSpec",
    }
)


class InferenceServices:
    """Makes and mends the children of InferenceServices."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._status = InferenceServiceStatus(world)

    def sync(self, address: Address) -> None:
        """Bring the children of one InferenceService to what it says."""
        service = self._world.store.find(address)
        if service is None or is_terminating(service):
            return
        if annotations_of(service).get(MODE, "Standard") not in _STANDARD:
            return
        stopped = annotations_of(service).get(STOP) == "true"
        for kind, body in self._children(service).items():
            self._bring(service, kind, None if stopped else body)
        live = self._world.store.find(address)
        if live is not None:
            self._status.write(live, stopped)

    def _children(self, service: Body) -> dict[KindKey, dict[str, Any] | None]:
        scaled = annotations_of(service).get(_CLASS, "hpa") == "hpa"
        return {
            DEPLOYMENT: make_deployment(service),
            SERVICE: _make_service(service),
            AUTOSCALER: _make_autoscaler(service) if scaled else None,
        }

    def _bring(self, service: Body, kind: KindKey, wanted: dict[str, Any] | None) -> None:
        metadata = service["metadata"]
        address = (kind, str(metadata["namespace"]), f"{metadata['name']}-predictor")
        live = self._world.store.find(address)
        if live is None:
            if wanted is not None:
                self._world.create(wanted, MANAGER)
            return
        if not is_controlled_by(live, str(metadata["uid"])) or is_terminating(live):
            return
        if wanted is None:
            self._world.delete(live)
            return
        spec = {**wanted["spec"]}
        if kind == DEPLOYMENT and annotations_of(service).get(_CLASS, "hpa") != "none":
            spec["replicas"] = live["spec"]["replicas"]
        if kind == SERVICE:
            spec = {**live["spec"], **spec}
        own = {key: value for key, value in annotations_of(live).items() if key.startswith("deployment.kubernetes.io/")}
        annotations = {**wanted["metadata"]["annotations"], **own}
        labels = wanted["metadata"]["labels"]
        changed = {**live, "metadata": {**live["metadata"], "annotations": annotations, "labels": labels}, "spec": spec}
        self._world.update(changed, MANAGER)


def make_deployment(service: Body) -> dict[str, Any]:
    """The Deployment whose pods serve."""
    predictor = service["spec"]["predictor"]
    name = f"{service['metadata']['name']}-predictor"
    annotations = {**_annotations(service), **(predictor.get("annotations") or {})}
    labels = {**_labels(service), **(predictor.get("labels") or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(service),
        "spec": {
            "replicas": max(1, _least(predictor)),
            "selector": {"matchLabels": {"app": f"isvc.{name}"}},
            "strategy": predictor.get("deploymentStrategy") or {"type": "RollingUpdate"},
            "template": {
                "metadata": {
                    "name": name,
                    "namespace": service["metadata"]["namespace"],
                    "labels": labels,
                    "annotations": annotations,
                },
                "spec": _make_pod(service),
            },
        },
    }


def _make_pod(service: Body) -> dict[str, Any]:
    predictor = service["spec"]["predictor"]
    spec = {key: value for key, value in predictor.items() if key not in _NOT_A_POD}
    containers = [dict(one) for one in predictor.get("containers") or ()]
    if model := predictor.get("model"):
        containers.insert(0, _make_model_container(model))
        if model.get("storageUri"):
            fetch = {"name": "storage-initializer", "image": "kserve/storage-initializer:simulated"}
            spec["initContainers"] = [*(spec.get("initContainers") or ()), {**fetch, "args": [model["storageUri"]]}]
    first = containers[0]
    first["env"] = [
        *(first.get("env") or ()),
        {"name": "INFERENCE_SERVICE_NAME", "value": service["metadata"]["name"]},
    ]
    first.setdefault("readinessProbe", {"tcpSocket": {"port": 8080}})
    spec["containers"] = containers
    return spec


def _make_model_container(model: Mapping[str, Any]) -> dict[str, Any]:
    """The runtime's container, which KServe takes from a ServingRuntime; here only its place."""
    runtime = model.get("runtime") or (model.get("modelFormat") or {}).get("name") or "runtime"
    given = {key: model[key] for key in ("args", "env", "resources", "image", "command") if key in model}
    return {"name": "kserve-container", "image": f"kserve/{runtime}:simulated", **given}


def _make_service(service: Body) -> dict[str, Any]:
    name = f"{service['metadata']['name']}-predictor"
    containers = service["spec"]["predictor"].get("containers") or [{}]
    ports = containers[0].get("ports") or [{}]
    port = {"name": name, "protocol": "TCP", "port": 80, "targetPort": ports[0].get("containerPort", 8080)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(service),
        "spec": {"ports": [port], "selector": {"app": f"isvc.{name}"}},
    }


def _make_autoscaler(service: Body) -> dict[str, Any]:
    predictor = service["spec"]["predictor"]
    least = max(1, _least(predictor))
    target = {"type": "Utilization", "averageUtilization": int(predictor.get("scaleTarget") or 80)}
    metric = predictor.get("scaleMetric") or "cpu"
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(service),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": f"{service['metadata']['name']}-predictor",
            },
            "minReplicas": least,
            "maxReplicas": max(least, int(predictor.get("maxReplicas") or 0)),
            "metrics": [{"type": "Resource", "resource": {"name": metric, "target": target}}],
        },
    }


def _least(predictor: Mapping[str, Any]) -> int:
    found = predictor.get("minReplicas")
    return 1 if found is None else int(found)


def _metadata(service: Body) -> dict[str, Any]:
    return {
        "name": f"{service['metadata']['name']}-predictor",
        "namespace": service["metadata"]["namespace"],
        "labels": _labels(service),
        "annotations": _annotations(service),
        "ownerReferences": [make_owner_reference(service)],
    }


def _labels(service: Body) -> dict[str, str]:
    name = service["metadata"]["name"]
    return {
        **labels_of(service),
        "app": f"isvc.{name}-predictor",
        "component": "predictor",
        "serving.kserve.io/inferenceservice": name,
    }


def _annotations(service: Body) -> dict[str, str]:
    return {key: value for key, value in annotations_of(service).items() if key not in _NOT_COPIED}
