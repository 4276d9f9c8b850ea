"""The adapter on the testbed's API server, straight or through a proxy with faults.

Owns: opening it as a program would, by a kubeconfig. Refuses: what is asked of it.
"""

from __future__ import annotations

from pathlib import Path

from generator.cluster.calling import Limits
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.cluster.open import open_cluster
from generator.cluster.watching import WatchTimes

SHORT = Limits(request_seconds=10.0, call_seconds=10.0)


def open_kubernetes(
    kubeconfig: Path, limits: Limits = SHORT, watch_times: WatchTimes | None = None, connections: int = 8
) -> KubernetesCluster:
    """The cluster of a kubeconfig's current context, named `testbed`."""
    found = open_cluster(
        "testbed",
        kubeconfig=str(kubeconfig),
        limits=limits,
        watch_times=watch_times or WatchTimes(),
        connections=connections,
    )
    assert isinstance(found, KubernetesCluster)
    return found
