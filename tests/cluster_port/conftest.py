"""The subjects of the contract suite: the simulated cluster, and the real API server of the testbed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from generator.cluster.simulated import SimulatedCluster
from tests.cluster_port.subject import Subject


@pytest.fixture(params=["simulated", pytest.param("kubernetes", marks=pytest.mark.cluster)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Each test is run over both; what differs is a bug of the simulation."""
    if request.param == "kubernetes":
        from generator.cluster.open import open_cluster

        testbed = request.getfixturevalue("testbed")
        namespace = request.getfixturevalue("namespace")
        port = open_cluster("testbed", kubeconfig=str(testbed.kubeconfig))
    else:
        port = SimulatedCluster()
        namespace = f"test-{secrets.token_hex(5)}"
        port.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    yield Subject(port, namespace)
    port.close()
