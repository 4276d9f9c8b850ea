"""From a cluster's name to a cluster.

Owns: putting place, credentials, connection and adapter together. Refuses: rules about any of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from generator.cluster.calling import LIMITS, Limits
from generator.cluster.connection import Connection
from generator.cluster.credentials import load_configuration, read_impersonation
from generator.cluster.kubeconfig import find_place
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.cluster.places import ClusterPlace, Way
from generator.cluster.port import Cluster
from generator.cluster.watching import WATCH_TIMES, WatchTimes


def open_cluster(
    name: str,
    *,
    kubeconfig: str = "",
    context: str = "",
    mapping: Mapping[str, ClusterPlace] | None = None,
    connections: int = 8,
    limits: Limits = LIMITS,
    watch_times: WatchTimes = WATCH_TIMES,
) -> Cluster:
    """The cluster that environments call by this name; nothing is asked of it yet.

    `kubeconfig` and `context` win over `mapping` (`places.parse_places`), that over the kubeconfig's contexts.
    `connections` bounds the requests at one time; watches come on top. ClusterNotConfigured, ClusterUnauthorized.
    """
    place = find_place(name, kubeconfig=kubeconfig, context=context, mapping=mapping or {}, environment=os.environ)
    if place.way is Way.SIMULATED:
        from generator.cluster.simulated import open_simulated

        simulated: Cluster = open_simulated(name)
        return simulated
    connection = Connection(lambda: load_configuration(name, place), size=connections, extra=read_impersonation(place))
    return KubernetesCluster(name, connection, limits, watch_times)
