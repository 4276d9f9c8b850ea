"""What the status reader makes of a cluster, or a commit, that is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cluster.kinds import DEPLOYMENT, ObjectRef
from generator.cluster.port import Cluster as Port
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.fence import FencedCluster
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef
from generator.service.layout import Layout
from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.states import State
from generator.worker.reader import NOT_APPLIED, ReaderOptions
from tests.cluster.gitops import GitOps, make_gitops, reconciling
from tests.fleet_repository import git
from tests.worker.stage import open_database, staged
from tests.worker.test_stories import BAD, fail_soon

NAMESPACE = "llm-test"


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    """A cluster of its own."""
    made = SimulatedCluster(strict_namespaces=False)
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


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    """A database with all tables."""
    made = open_database(f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


def keep(cluster: SimulatedCluster) -> Callable[[str], Port]:
    """Opens the cluster so that closing it leaves it there for the next one."""
    return lambda _: FencedCluster(cluster, lambda: True)


def state_of(database: Database, name: str = "chat") -> EndpointState:
    """What is known of an endpoint."""
    found = EndpointStates(database).find("test", name)
    assert found is not None
    return found


def test_a_failed_revision_that_was_scaled_away_by_hand_is_not_healthy(
    gitops: GitOps, cluster: SimulatedCluster, ledger: Database
) -> None:
    """To a reader that starts afterwards it has all that its Deployment asks for; git asks for more."""
    fail_soon(gitops)
    with reconciling(gitops, keep(cluster), poll=0.1):
        with staged(gitops.root, ledger, keep(cluster)) as stage:
            stage.until(lambda: EndpointStates(ledger).find("test", "chat") and state_of(ledger).status == "healthy")
            assert stage.wait(stage.redeploy("test/chat", BAD).row).state is State.FAILED
            scale = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
            cluster.patch(ObjectRef(DEPLOYMENT, NAMESPACE, "chat"), scale, manager="kubectl")
            stage.until(lambda: state_of(ledger).status == "failed", "nothing serves")
        with staged(gitops.root, ledger, keep(cluster)) as stage:
            row = stage.wait(stage.redeploy("test/search").row)
            assert row.state is State.HEALTHY
            assert (state_of(ledger).status, state_of(ledger).good_revision) == ("failed", 1)
            fleet = fleet_at(stage.service.trunk.read_tip())
            assert stage.service.find_good(EndpointRef("test", "chat"), fleet) == 1


def test_a_commit_that_nobody_can_read_holds_up_no_other_endpoint(
    gitops: GitOps, cluster: SimulatedCluster, ledger: Database
) -> None:
    """Others get their verdicts; its own redeployment ends when nobody has applied it in time."""
    options = ReaderOptions(apply_seconds=5.0)
    with staged(gitops.root, ledger, keep(cluster), options=options) as stage:
        with reconciling(gitops, keep(cluster), poll=0.1) as running:
            running.wait_applied(gitops.tip)
        chat = stage.wait(stage.redeploy("test/chat").row, State.COMMITTED)
        git(gitops.root, "reset", "-q", "--hard", "main")
        stamp = gitops.root / Layout(16).stamp_file("test", "chat")
        stamp.write_text("<<<<<<< HEAD\n" + stamp.read_text())
        git(gitops.root, "commit", "-qam", "a merge gone wrong")
        with reconciling(gitops, keep(cluster), poll=0.1):
            assert stage.wait(stage.redeploy("test/search").row).state is State.HEALTHY
            assert stage.wait(chat).failure_reason == NOT_APPLIED
        assert "environment is away" not in stage.lines.getvalue()
