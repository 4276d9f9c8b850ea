"""What the status reader makes of a cluster, or a commit, that is not as it should be."""

from __future__ import annotations

import pytest

from generator.cluster.kinds import DEPLOYMENT, ObjectRef
from generator.cluster.simulated import SimulatedCluster
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef
from generator.service.layout import Layout
from generator.store.database import Database
from generator.store.endpoints import EndpointStates
from generator.store.states import State
from generator.worker.reader import NOT_APPLIED, ReaderOptions
from tests.cluster.gitops import GitOps, keep, reconciling
from tests.fleet_repository import git
from tests.worker.stage import staged
from tests.worker.test_stories import BAD, fail_soon


def state_of(database: Database, name: str = "chat") -> tuple[str, int] | None:
    """The word on an endpoint, and its last good revision."""
    found = EndpointStates(database).find("test", name)
    return (found.status, found.good_revision) if found is not None else None


def test_a_failed_revision_that_was_scaled_away_by_hand_is_not_healthy(
    gitops: GitOps, simulated: SimulatedCluster, ledger_file: Database
) -> None:
    """To a reader that starts afterwards it has all that its Deployment asks for; git asks for more."""
    fail_soon(gitops)
    gitops.add("chat")
    with reconciling(gitops, keep(simulated), poll=0.1):
        with staged(gitops.root, ledger_file, keep(simulated)) as stage:
            stage.until(lambda: state_of(ledger_file) == ("healthy", 1))
            assert stage.wait(stage.redeploy("test/chat", BAD).row).state is State.FAILED
            scale = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
            simulated.patch(ObjectRef(DEPLOYMENT, gitops.namespace, "chat"), scale, manager="kubectl")
            stage.until(lambda: state_of(ledger_file) == ("failed", 1), "nothing serves")
        with staged(gitops.root, ledger_file, keep(simulated)) as stage:
            gitops.add("search")
            stage.until(lambda: state_of(ledger_file, "search") == ("healthy", 1))
            assert state_of(ledger_file) == ("failed", 1)
            fleet = fleet_at(stage.service.trunk.read_tip())
            assert stage.service.find_good(EndpointRef("test", "chat"), fleet) == 1


@pytest.mark.sweep
def test_a_commit_that_nobody_can_read_holds_up_no_other_endpoint(
    gitops: GitOps, simulated: SimulatedCluster, ledger_file: Database
) -> None:
    """Others get their verdicts; its own redeployment ends when nobody has applied it in time."""
    options = ReaderOptions(apply_seconds=20.0)
    gitops.add("chat")
    gitops.add("search")
    with staged(gitops.root, ledger_file, keep(simulated), options=options) as stage:
        with reconciling(gitops, keep(simulated), poll=0.1) as running:
            running.wait_applied(gitops.tip)
        chat = stage.wait(stage.redeploy("test/chat").row, State.COMMITTED)
        git(gitops.root, "reset", "-q", "--hard", "main")
        stamp = gitops.root / Layout(16).stamp_file("test", "chat")
        stamp.write_text("<<<<<<< HEAD\n" + stamp.read_text())
        git(gitops.root, "commit", "-qam", "a merge gone wrong")
        with reconciling(gitops, keep(simulated), poll=0.1):
            assert stage.wait(stage.redeploy("test/search").row).state is State.HEALTHY
            assert stage.wait(chat).failure_reason == NOT_APPLIED
        assert "environment is away" not in stage.lines.getvalue()
