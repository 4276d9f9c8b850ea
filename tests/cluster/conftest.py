"""The cluster of the testbed through the port that revstamp uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from tests.testbed.fixtures.cluster import Cluster


@pytest.fixture
def port(testbed: Cluster) -> Iterator[Port]:
    """A connection of revstamp's own adapter."""
    opened = open_cluster("testbed", kubeconfig=str(testbed.kubeconfig))
    yield opened
    opened.close()
