"""What these tests share: a simulated cluster, and a repository with two endpoints."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.kinds import DEPLOYMENT
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.fence import FencedCluster
from tests.cluster.gitops import GitOps, make_gitops

NAMESPACE = "llm-test"


class SlowCluster(FencedCluster):
    """Lets the Deployment of one endpoint wait."""

    def __init__(self, cluster: SimulatedCluster, name: str) -> None:
        super().__init__(cluster, lambda: True)
        self.name_of_slow, self.may_go, self.is_waiting = name, threading.Event(), False

    def apply(self, body: Any, **options: Any) -> Any:
        """As the cluster does."""
        if body["kind"] == DEPLOYMENT.name and body["metadata"]["name"] == self.name_of_slow:
            self.is_waiting = not self.may_go.is_set()
            assert self.may_go.wait(60)
        return super().apply(body, **options)


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
