"""A repository for the test's namespace, and connections for a reconciler that follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from tests.cluster.gitops import GitOps, make_gitops
from tests.testbed.fixtures.cluster import Cluster

Open = Callable[[str], Port]


@pytest.fixture
def gitops(tmp_path: Path, namespace: str) -> GitOps:
    """A repository whose environment is the test's namespace."""
    return make_gitops(tmp_path / "gitops", namespace)


@pytest.fixture
def opening(testbed: Cluster) -> Iterator[Open]:
    """Connections to the testbed, closed at the end."""
    opened: list[Port] = []

    def connect(name: str) -> Port:
        opened.append(open_cluster(name, kubeconfig=str(testbed.kubeconfig), connections=12))
        return opened[-1]

    yield connect
    for port in opened:
        port.close()
