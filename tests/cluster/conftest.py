"""The testbed through revstamp's own adapter: straight to the server, and through a proxy with faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from tests.cluster.adapter_clusters import open_kubernetes
from tests.cluster.gitops_fixtures import gitops as gitops
from tests.cluster.gitops_fixtures import opening as opening
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster


@pytest.fixture
def adapter(testbed: Cluster) -> Iterator[KubernetesCluster]:
    """Straight to the server."""
    cluster = open_kubernetes(testbed.kubeconfig)
    yield cluster
    cluster.close()


@pytest.fixture
def fault_proxy(testbed: Cluster, start_fault_proxy: Callable[[Path], FaultProxy]) -> FaultProxy:
    """Between `proxied` and the server."""
    return start_fault_proxy(testbed.kubeconfig)


@pytest.fixture
def proxied(fault_proxy: FaultProxy, tmp_path: Path) -> Iterator[KubernetesCluster]:
    """Through `fault_proxy`."""
    cluster = open_kubernetes(fault_proxy.write_kubeconfig(tmp_path / "proxied.kubeconfig"))
    yield cluster
    cluster.close()


@pytest.fixture
def port(testbed: Cluster) -> Iterator[Port]:
    """A connection of revstamp's own adapter."""
    opened = open_cluster("testbed", kubeconfig=str(testbed.kubeconfig))
    yield opened
    opened.close()
