"""What finds all as it was asked for, at a revision that nobody has judged yet, waits for that revision's verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.service.committed_files import fleet_at
from generator.service.committing import Committer
from generator.service.fleet import EndpointRef
from generator.service.recording import Asker
from generator.store.database import Database
from generator.store.redeployment import Redeployment
from generator.store.states import Kind, State
from tests.cluster.gitops import GitOps
from tests.worker.stage import Stage, staged
from tests.worker.test_cut_off import Trunk, nothing
from tests.worker.test_stories import BAD, everything, fail_soon

ANN = Asker("Ann <ann@example.com>", "because")
FORCED = Asker("Ann <ann@example.com>", "because", supersede=True)
CRASHING = BAD["servingRuntimeImage"]


@contextmanager
def recorded(gitops: GitOps, database: Database) -> Iterator[tuple[Stage, Callable[[Redeployment], Redeployment]]]:
    """A service whose worker is the test, at an endpoint that is to stop; and what commits a row."""

    def no_cluster(name: str) -> Any:
        raise AssertionError(name)

    gitops.add("chat")
    with staged(gitops.root, database, no_cluster, work=False) as stage:
        committer = Committer(stage.service.trunk, stage.service.ledger, "one")

        def commit(row: Redeployment) -> Redeployment:
            done = committer.drive(stage.row(row))
            assert done is not None
            return done

        yield stage, commit


def test_a_second_stop_waits_for_what_the_first_one_began(gitops: GitOps, database: Database) -> None:
    """Nothing has to be committed for it, and nobody has seen the endpoint stopped."""
    with recorded(gitops, database) as (stage, commit):
        first = commit(stage.service.scale("test/chat", ANN, 0, 0).row)
        second = commit(stage.service.scale("test/chat", ANN, 0, 0).row)
        assert (second.kind, second.state) == (Kind.STOP, State.COMMITTED)
        assert (second.revision, second.commit_id) == (first.revision, None)
        assert stage.row(first).state is State.SUPERSEDED


def test_it_waits_also_where_one_that_came_in_between_was_never_committed(gitops: GitOps, database: Database) -> None:
    """The rollout that is under way is not that of the one whose place it took."""
    with recorded(gitops, database) as (stage, commit):
        first = commit(stage.service.scale("test/chat", ANN, 0, 0).row)
        between = stage.service.scale("test/chat", FORCED, 1, 1).row
        last = commit(stage.service.scale("test/chat", ANN, 0, 0).row)
        assert (stage.row(between).state, stage.row(between).commit_id) == (State.FAILED, None)
        assert (last.state, last.revision) == (State.COMMITTED, first.revision)


def test_it_waits_also_where_the_commit_it_meets_is_not_recorded_yet(gitops: GitOps, database: Database) -> None:
    """Whoever made that commit is about to tell of it, or died."""
    with recorded(gitops, database) as (stage, commit):
        service, ended = stage.service, []

        def stop_again() -> None:
            ended.append(commit(service.scale("test/chat", ANN, 0, 0).row))

        first = service.scale("test/chat", ANN, 0, 0).row
        Committer(Trunk(service.trunk, nothing, stop_again), service.ledger, "one").drive(first)
        assert stage.row(first).failure_reason == "Superseded"
        assert [(row.state, row.revision) for row in ended] == [(State.COMMITTED, 2)]


def test_it_waits_also_where_the_revision_came_by_hand(gitops: GitOps, database: Database) -> None:
    """Nobody has looked at the branch yet."""
    with recorded(gitops, database) as (stage, commit):
        row = commit(stage.service.scale("test/chat", ANN, *_replicas(stage)).row)
        assert (row.state, row.revision, row.commit_id) == (State.COMMITTED, 1, None)


@pytest.mark.parametrize(("image", "verdict"), [("registry.internal/serve/vllm:1", "healthy"), (CRASHING, "failed")])
def test_its_verdict_is_that_of_the_revision(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster, image: str, verdict: str
) -> None:
    """One that failed is not called healthy because somebody asked for what it is already; a good one is at once."""
    fail_soon(gitops)
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        first = stage.wait(stage.redeploy("test/chat", {"servingRuntimeImage": image}).row)
        again = stage.wait(stage.service.scale("test/chat", ANN, *_replicas(stage)).row)
        assert (first.state.value, again.state.value) == (verdict, verdict)
        assert (again.revision, again.commit_id) == (first.revision, None)
        names = [event.name for event in stage.service.queries.events(again.id)]
        assert ("committed" in names) is (verdict == "failed")


def test_a_failed_revision_is_rolled_back_by_itself_also_where_the_last_wish_needed_no_commit(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """The revision before the failed one comes back, and the reason names what failed."""
    fail_soon(gitops)
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        good = stage.wait(stage.redeploy("test/chat").row)
        bad = stage.wait(stage.redeploy("test/chat", BAD).row)
        again = stage.wait(stage.service.scale("test/chat", ANN, *_replicas(stage)).row)
        assert (good.state, bad.state, again.state) == (State.HEALTHY, State.FAILED, State.FAILED)
        assert (again.revision, again.commit_id) == (bad.revision, None)
        fail_soon(gitops, automaticRollback={"enabled": True, "bakeSeconds": 0})
        stage.until(lambda: stage.service.queries.latest_committed("test", "chat").id > again.id, "rolled back")
        back = stage.wait(stage.service.queries.latest_committed("test", "chat"))
        assert (back.kind, back.state, back.restores) == (Kind.ROLLBACK, State.HEALTHY, good.revision)
        assert (back.rolls_back, f"r{bad.revision} failed" in back.reason) == (again.id, True)


def _replicas(stage: Stage) -> tuple[int, int]:
    fleet = fleet_at(stage.service.trunk.read_tip())
    replicas = fleet.endpoint_file(EndpointRef("test", "chat")).endpoint.spec.replicas
    return replicas.min, replicas.max
