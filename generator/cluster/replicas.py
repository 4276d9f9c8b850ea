"""Who decides the number of replicas, and how that changes hands.

Owns: `spec.replicas` of a Deployment between git and an autoscaler. Refuses: every other field.
Source: a field that its only owner drops goes back to its default, for `replicas` that is 1; so another manager holds
the live value before revstamp lets go of it (Kubernetes documentation, "Server-Side Apply", transferring ownership).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.cluster.drift import REPLICAS, REPLICAS_MANAGER, managed_fields
from generator.cluster.fields import MISSING, value_at_path
from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, ObjectRef, ref_of
from generator.cluster.port import FIELD_MANAGER, Body, Cluster

AUTOSCALERS = frozenset({"kube-controller-manager", REPLICAS_MANAGER})
"""Field managers that hold replicas for an autoscaler."""


def leaves_replicas(manifest: Body) -> bool:
    """Whether git leaves the number of replicas of a Deployment to somebody else."""
    return ref_of(manifest).kind == DEPLOYMENT and value_at_path(manifest, REPLICAS) is MISSING


def must_hand_over(manifest: Body, live: Body | None) -> bool:
    """Whether the next apply would set the replicas back to 1: we alone hold the field, and the manifest drops it."""
    if live is None or not leaves_replicas(manifest):
        return False
    owners = [str(entry.get("manager")) for entry in managed_fields(live) if _names_replicas(entry)]
    return owners == [FIELD_MANAGER]


def _names_replicas(entry: Mapping[str, Any]) -> bool:
    fields = entry.get("fieldsV1")
    spec = fields.get("f:spec") if isinstance(fields, Mapping) else None
    return isinstance(spec, Mapping) and "f:replicas" in spec


def hand_over(cluster: Cluster, live: Body, least: int) -> None:
    """Let another manager hold the live number, so that dropping the field changes nothing.

    A workload at zero is brought to `least`: an autoscaler does nothing for one that has no replicas.
    """
    number = value_at_path(live, REPLICAS)
    number = number if isinstance(number, int) and number > 0 else least
    cluster.apply(_replicas_only(ref_of(live), number), manager=REPLICAS_MANAGER, force=True)


def seed(cluster: Cluster, created: Body, least: int) -> None:
    """Start a new Deployment with the least number that its autoscaler would bring it to, minutes later."""
    if least > 1 and value_at_path(created, REPLICAS) == 1:
        cluster.apply(_replicas_only(ref_of(created), least), manager=REPLICAS_MANAGER, force=True)


def _replicas_only(ref: ObjectRef, number: int) -> dict[str, Any]:
    return {
        "apiVersion": ref.kind.api_version,
        "kind": ref.kind.name,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"replicas": number},
    }


def least_replicas(manifests: Sequence[Body], workload: Body) -> int:
    """The least number that an autoscaler among the manifests keeps of this workload; 1 where there is none."""
    for manifest in manifests:
        if scales(manifest, ref_of(workload)):
            least = value_at_path(manifest, ("f:spec", "f:minReplicas"))
            return least if type(least) is int else 1
    return 1


def scales(autoscaler: Body, workload: ObjectRef) -> bool:
    """Whether the HorizontalPodAutoscaler is about this workload."""
    if autoscaler.get("kind") != AUTOSCALER.name:
        return False
    target = value_at_path(autoscaler, ("f:spec", "f:scaleTargetRef"))
    if not isinstance(target, Mapping):
        return False
    return (target.get("kind"), target.get("name")) == (workload.kind.name, workload.name)


def is_autoscaled(cluster: Cluster, workload: ObjectRef) -> bool:
    """Whether a HorizontalPodAutoscaler in the cluster is about this workload, whoever made it."""
    return any(
        scales(item, workload) and not item["metadata"].get("deletionTimestamp")
        for item in cluster.list(AUTOSCALER, workload.namespace)
    )
