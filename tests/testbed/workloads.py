"""Small objects for tests of rollouts: a Deployment, an InferenceService.

Owns: the least that a controller needs. Refuses: what revstamp renders; tests of that apply its own manifests.
"""

from __future__ import annotations

from typing import Any

from tests.testbed.cluster.fates import PREFIX
from tests.testbed.kube.api import Api, Object

REVISION = "revstamp.io/revision"


def make_deployment(namespace: str, name: str = "chat", revision: int = 1, replicas: int = 2, **changes: Any) -> Object:
    """`fate`, `after`, `times` and `drain` go to the pods' annotations, `gpus` and `image` to the container."""
    annotations = {REVISION: str(revision), **fate_annotations(changes)}
    container = {"name": "server", "image": changes.get("image", "registry.internal/serve/vllm:1")}
    if gpus := changes.get("gpus"):
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    pod: dict[str, Any] = {"containers": [container]}
    if changes.get("fate") in ("slow-init", "init-crash"):
        pod["initContainers"] = [{"name": "storage-initializer", "image": "kserve/storage-initializer:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "annotations": {REVISION: str(revision)}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": name}, "annotations": annotations}, "spec": pod},
        },
    }


def make_inference_service(namespace: str, name: str = "chat", revision: int = 1, **changes: Any) -> Object:
    """In Standard mode; KServe copies its annotations, fates too, to the pods."""
    annotations = {
        "serving.kserve.io/deploymentMode": changes.get("mode", "Standard"),
        REVISION: str(revision),
        **fate_annotations(changes),
    }
    container = {"name": "kserve-container", "image": changes.get("image", "registry.internal/serve/vllm:1")}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 2, "containers": [container]}},
    }


def make_volume(namespace: str, claim: str = "model-store") -> list[Object]:
    """A volume and the claim on it, which the controllers bind: no storage class of the cluster makes any."""
    size = {"storage": "100Gi"}
    volume: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{claim}"},
        "spec": {
            "capacity": size,
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "none",
            "claimRef": {"namespace": namespace, "name": claim},
            "hostPath": {"path": "/none"},
        },
    }
    claimed: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "none",
            "resources": {"requests": size},
            "volumeName": f"{namespace}-{claim}",
        },
    }
    return [volume, claimed]


def fate_annotations(changes: dict[str, Any]) -> dict[str, str]:
    """Those of a pod that say what becomes of it; see `cluster.fates`."""
    return {f"{PREFIX}/{name}": str(changes[name]) for name in ("fate", "after", "times", "drain") if name in changes}


def list_pods(api: Api, namespace: str, name: str = "chat") -> list[Object]:
    """The pods of a Deployment of `make_deployment` that are not being deleted."""
    pods = api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"app={name}")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_rolled_out(deployment: Object) -> bool:
    """All replicas are of the newest template and available, and no other is left."""
    wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and counts == {wanted}
