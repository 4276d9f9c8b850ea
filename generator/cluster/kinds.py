"""The kinds of objects that revstamp meets, and how one object is named.

Owns: where a kind stands in the API, and the order in which kinds are applied. Refuses: what objects hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of one version of the API. `rank`: lower ones are applied first, pruned last."""

    api_version: str
    name: str
    plural: str
    rank: int = 50
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def __str__(self) -> str:
        return self.name


NAMESPACE = Kind("v1", "Namespace", "namespaces", 0, namespaced=False)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", 10)
SERVICE = Kind("v1", "Service", "services", 20)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", 30)
INFERENCE_SERVICE = Kind("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices", 30)
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", 40)
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", 40)
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses", 60)
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", 60)
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")

WORKLOADS = (DEPLOYMENT, INFERENCE_SERVICE)

RENDERED = (
    SERVICE,
    DEPLOYMENT,
    INFERENCE_SERVICE,
    POD_DISRUPTION_BUDGET,
    AUTOSCALER,
    INGRESS,
    HTTP_ROUTE,
)
"""Kinds that the shipped templates render: those that are looked through for what a lost record left behind."""

_KNOWN = {
    (kind.api_version, kind.name): kind
    for kind in (
        NAMESPACE,
        CONFIG_MAP,
        Kind("v1", "Secret", "secrets", 10),
        Kind("v1", "ServiceAccount", "serviceaccounts", 10),
        Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", 15),
        *RENDERED,
        REPLICA_SET,
        POD,
        EVENT,
        NODE,
        LEASE,
    )
}


def find_kind(api_version: str, name: str) -> Kind | None:
    """The kind where it is one that revstamp knows; others are looked up in the cluster's discovery."""
    return _KNOWN.get((api_version, name))


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object; `namespace` is empty for kinds that have none."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}" if self.namespace else f"{self.kind.name} {self.name}"


def ref_of(body: Mapping[str, Any]) -> ObjectRef:
    """Which object a manifest or a live object is. A kind that is not known gets the usual plural, to be looked up."""
    api_version, name = str(body.get("apiVersion", "")), str(body.get("kind", ""))
    kind = find_kind(api_version, name) or Kind(api_version, name, "")
    metadata = body.get("metadata") or {}
    return ObjectRef(kind, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
