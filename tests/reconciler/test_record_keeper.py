"""The record of what the cluster has: when it is written, what it says, and what goes by it meanwhile."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest

from generator.cluster.kinds import AUTOSCALER, ObjectRef
from generator.cluster.record import AppliedRecord, fits, read_record
from generator.cluster.simulated import PlannedFault, SimulatedCluster
from generator.errors import ObjectInvalid
from generator.reconciler import watched_environment
from tests.cluster.gitops import GitOps, Running, keep, reconciling, term_of
from tests.fleet_repository import git
from tests.reconciler.conftest import NAMESPACE, SlowCluster


def following(gitops: GitOps, cluster: SimulatedCluster) -> AbstractContextManager[Running]:
    """A reconciler that leaves the cluster there for the next one."""
    return reconciling(gitops, keep(cluster), poll=0.1)


def put_off(running: Running) -> None:
    """As after a write that took very long, while endpoints wait."""
    keeper: Any = term_of(running)._record
    keeper._earliest, keeper._is_busy = float("inf"), lambda: True


def recorded(cluster: SimulatedCluster) -> AppliedRecord:
    """What the cluster says."""
    return read_record(cluster, "test", NAMESPACE) or AppliedRecord()


def test_a_branch_that_is_set_back_prunes_nothing_though_the_record_was_not_written(
    gitops: GitOps, cluster: SimulatedCluster
) -> None:
    """What was applied is known here before it is written there."""
    first, ref = gitops.tip, ObjectRef(AUTOSCALER, NAMESPACE, "chat-hpa")
    with following(gitops, cluster) as running:
        running.wait_applied(first)
        running.wait(lambda: recorded(cluster) == AppliedRecord(first), "the record")
        put_off(running)
        gitops.add("chat", replicas={"min": 1, "max": 3})
        running.wait(lambda: term_of(running).sync.is_done("chat") and cluster.read(ref), "applied")
        git(gitops.root, "reset", "--hard", first)
        running.wait(lambda: "does not lead to this one" in running.lines.getvalue(), "kept")
        assert recorded(cluster) == AppliedRecord(first)
        assert cluster.read(ref) is not None


def test_the_record_is_written_at_the_end(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Also where its time had not come."""
    with following(gitops, cluster) as running:
        running.wait_applied(gitops.tip)
        put_off(running)
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: term_of(running).sync.desired.commit == gitops.tip, "the tip")
        running.wait(lambda: term_of(running).sync.is_done("chat"), "applied")
        assert recorded(cluster).commit != gitops.tip
    assert recorded(cluster) == AppliedRecord(gitops.tip)


def test_one_that_fails_for_good_does_not_keep_the_record_behind(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """It waits for its next attempt, and nobody is busy meanwhile."""
    cluster.faults.plan(PlannedFault(ObjectInvalid("no"), verb="apply", kind="Deployment", name="search", times=None))
    with following(gitops, cluster) as running:
        running.wait(lambda: recorded(cluster) == AppliedRecord(gitops.tip, {"search": ""}), "the record")
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: recorded(cluster) == AppliedRecord(gitops.tip, {"search": ""}), "the record")


def test_a_new_leader_lists_only_endpoints_of_which_git_says_something_else(
    gitops: GitOps, cluster: SimulatedCluster
) -> None:
    """Of thousands, few: the record would not fit into a ConfigMap otherwise."""
    with following(gitops, cluster) as running:
        running.wait_applied(gitops.tip)
    first = gitops.tip
    gitops.type("redeploy", "test/chat")
    cluster.faults.plan(PlannedFault(ObjectInvalid("no"), verb="apply", kind="Deployment", times=None))
    with following(gitops, cluster) as running:
        running.wait(lambda: recorded(cluster) == AppliedRecord(gitops.tip, {"chat": first}), "the record")


def test_a_record_that_no_config_map_holds_is_put_off_and_said(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """The term goes on: each endpoint that is applied makes it shorter."""
    assert not fits(AppliedRecord("a" * 40, {f"endpoint-{number:06d}": "b" * 40 for number in range(20_000)}))
    with following(gitops, cluster) as running:
        running.wait_applied(gitops.tip)
        keeper, first = term_of(running)._record, recorded(cluster)
        keeper._write(AppliedRecord("a" * 40, {f"endpoint-{number:06d}": "b" * 40 for number in range(20_000)}))
        assert recorded(cluster) == first
        assert running.logged("the record is too long to be written")[0]["endpoints"] == 20_000


def test_a_record_that_says_nothing_new_stays_the_same_one(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """What was worked out from it stays known."""
    with following(gitops, cluster) as running:
        running.wait_applied(gitops.tip)
        keeper = term_of(running)._record
        assert keeper.note() is keeper.note()


def test_a_term_that_ends_with_a_write_under_way_leaves_the_record_to_the_next_one(
    gitops: GitOps, cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that write comes to is not known yet."""
    monkeypatch.setattr(watched_environment, "_JOIN_SECONDS", 0.2)
    shared = SlowCluster(cluster, "chat")
    shared.may_go.set()
    with reconciling(gitops, lambda _: shared, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        first, term = recorded(cluster), term_of(running)
        shared.may_go.clear()
        put_off(running)
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: shared.is_waiting, "a write under way")
        assert not term._end_work()
        running.wait(lambda: running.reconciler.loops["test"].term is not term, "the end of the term")
        assert recorded(cluster) == first
        shared.may_go.set()
