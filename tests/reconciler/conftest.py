"""What these tests share: a simulated cluster, and a repository with two endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cluster.port import Cluster as Port
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.fence import FencedCluster
from tests.cluster.gitops import GitOps, make_gitops

NAMESPACE = "llm-test"


def keep(cluster: SimulatedCluster) -> Callable[[str], Port]:
    """Opens the cluster so that closing it leaves it there for the next one."""
    return lambda _: FencedCluster(cluster, lambda: True)


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    """A cluster of its own."""
    made = SimulatedCluster("testbed", strict_namespaces=False)
    yield made
    made.close()


@pytest.fixture
def gitops(tmp_path: Path) -> GitOps:
    """A repository with two endpoints."""
    made = make_gitops(tmp_path / "gitops", NAMESPACE)
    made.add("chat", commit=False)
    made.add("search", commit=False)
    made.type("commit", "-m", "two")
    return made
