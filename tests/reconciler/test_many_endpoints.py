"""What a pass over many endpoints does once, and what is counted meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.cluster.kinds import DEPLOYMENT, REPLICA_SET, Kind, ObjectRef
from generator.cluster.port import Body, Propagation
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.environment_sync import FEW, EnvironmentSync
from generator.service.desired import DesiredEnvironment
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.bench.cluster_fleet import make_fleet, name_of
from tests.bench.reconcile_change import wait_for
from tests.cluster.gitops import GitOps, make_gitops, reconciling

NAMESPACE = "llm-test"
MANY = FEW + 5


class CountingCluster(SimulatedCluster):
    """Counts how often ReplicaSets are listed."""

    replica_set_lists = 0

    def list(self, kind: Kind, namespace: str, labels: str = "") -> Iterator[Body]:
        """As the cluster does."""
        self.replica_set_lists += kind == REPLICA_SET
        return super().list(kind, namespace, labels)


@pytest.fixture
def cluster() -> Iterator[CountingCluster]:
    """A cluster of its own."""
    made = CountingCluster("testbed", strict_namespaces=False)
    yield made
    made.close()


def open_sync(gitops: GitOps, cluster: SimulatedCluster) -> EnvironmentSync:
    """Nothing is known of the cluster yet."""
    snapshot = Workspace.open(gitops.root, Settings()).repository.snapshot(gitops.tip)
    return EnvironmentSync(cluster, DesiredEnvironment(snapshot, "test"))


def test_pods_without_a_deployment_are_asked_for_once_in_a_pass_over_many(
    tmp_path: Path, cluster: CountingCluster
) -> None:
    """Each list makes the server look through all ReplicaSets of the namespace."""
    gitops = make_fleet(tmp_path / "gitops", NAMESPACE, MANY, running=0)
    sync = open_sync(gitops, cluster)
    sync.begin_pass(MANY)
    for number in range(MANY):
        assert sync.sync(name_of(number)).is_complete
    assert cluster.replica_set_lists == 1


def test_the_pods_of_a_deployment_that_goes_in_the_middle_of_a_pass_are_kept(
    tmp_path: Path, cluster: CountingCluster
) -> None:
    """What the one look has shown does not speak for it: it is asked for by itself."""
    gitops = make_gitops(tmp_path / "gitops", NAMESPACE)
    gitops.add("chat", replicas={"min": 2, "max": 2})
    sync = open_sync(gitops, cluster)
    sync.begin_pass(MANY)
    assert sync.sync("chat").is_complete
    ref = ObjectRef(DEPLOYMENT, NAMESPACE, "chat")
    live = cluster.read(ref)
    assert live is not None
    wait_for(lambda: any(one["spec"].get("replicas") for one in cluster.list(REPLICA_SET, NAMESPACE)) or None)
    cluster.delete(ref, uid=live["metadata"]["uid"], propagation=Propagation.ORPHAN)
    wait_for(lambda: cluster.read(ref) is None or None)
    sync.index.observe(DEPLOYMENT, live, present=False)
    (change,) = [change for change in sync.sync("chat").changes if change.ref == ref]
    assert "it adopts 2 pods" in change.reason


def test_suspended_endpoints_are_counted_while_they_are(tmp_path: Path, cluster: CountingCluster) -> None:
    """The gauge follows what git says, up and down."""
    gitops = make_gitops(tmp_path / "gitops", NAMESPACE)
    for name in ("chat", "search"):
        gitops.add(name)
    gitops.type("suspend", "test/chat", "--reason", "a look by hand")
    with reconciling(gitops, lambda _: cluster) as running:

        def count() -> float | None:
            labels = {"environment": "test"}
            return running.metrics.registry.get_sample_value("revstamp_endpoints_suspended", labels)

        running.wait(lambda: count() == 1, "one suspended")
        gitops.type("resume", "test/chat")
        running.wait(lambda: count() == 0, "none suspended")
