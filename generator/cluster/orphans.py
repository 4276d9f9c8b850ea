"""ReplicaSets that have lost their Deployment, and the new Deployment that finds them.

Owns: finding them, and making a Deployment that keeps their pods. Refuses: deleting a Deployment (`adopt`).
Source: a Deployment adopts every ReplicaSet without a controller that its selector matches, and scales it at once
to its own number of replicas (Kubernetes documentation, "Deployments", "Garbage Collection").
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from generator.cluster.kinds import REPLICA_SET, ObjectRef
from generator.cluster.port import Body, Cluster
from generator.cluster.replicas import hand_over, leaves_replicas


class OrphanHint:
    """Whether a namespace has any orphans, by one list at the first question. Shared by threads.

    It speaks for Deployments that an earlier listing did not show: a ReplicaSet has lost its Deployment before that is
    gone.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._lock = threading.Lock()
        self._found: bool | None = None

    def are_there(self) -> bool:
        """Whether it is worth asking for those of one Deployment."""
        with self._lock:
            if self._found is None:
                self._found = any(map(_is_free, self._cluster.list(REPLICA_SET, self._namespace)))
            return self._found


def find_orphans(cluster: Cluster, ref: ObjectRef, selector: Mapping[str, Any]) -> list[Body]:
    """ReplicaSets that a Deployment with this `spec.selector` would adopt; one list call."""
    terms = ",".join(_write_terms(selector))
    if not terms:
        return []
    return [item for item in cluster.list(REPLICA_SET, ref.namespace, terms) if _is_free(item)]


def count_replicas(orphans: list[Body]) -> int:
    """How many pods they keep."""
    return sum(int((item.get("spec") or {}).get("replicas", 0)) for item in orphans)


def create_over_orphans(cluster: Cluster, manifest: Body, replicas: int, least: int) -> Body:
    """Make a Deployment with as many replicas as its orphans have, then bring it to the manifest; the live object.

    Cut off in between, it has the orphans' number, and the next apply goes on. `least`: see `hand_over`. StaleObject
    where it is there already.
    """
    created = cluster.apply({**manifest, "spec": {**manifest["spec"], "replicas": replicas}}, only_new=True)
    if leaves_replicas(manifest):
        hand_over(cluster, created, least)
    elif manifest["spec"]["replicas"] == replicas:
        return created
    return cluster.apply(manifest)


def _is_free(replica_set: Body) -> bool:
    metadata = replica_set["metadata"]
    owners = metadata.get("ownerReferences") or ()
    return not metadata.get("deletionTimestamp") and not any(owner.get("controller") for owner in owners)


def _write_terms(selector: Mapping[str, Any]) -> Iterator[str]:
    """The selector as a list call takes it."""
    for key, value in (selector.get("matchLabels") or {}).items():
        yield f"{key}={value}"
    for item in selector.get("matchExpressions") or ():
        key, values = item.get("key"), ",".join(map(str, item.get("values") or ()))
        match item.get("operator"):
            case "In":
                yield f"{key} in ({values})"
            case "NotIn":
                yield f"{key} notin ({values})"
            case "Exists":
                yield str(key)
            case "DoesNotExist":
                yield f"!{key}"
