"""Redeploys on the simulated cluster from request to verdict, and what may come between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.kinds import POD
from generator.cluster.simulated import SimulatedCluster
from generator.errors import AlreadyRunning, InvalidInput, NotFound, Refused
from generator.reconciler.log import make_log
from generator.service import committing
from generator.service.committing import Committer
from generator.service.desired import DesiredEnvironment
from generator.service.recording import Asker
from generator.store.database import Database
from generator.store.endpoints import EndpointStates
from generator.store.queries import Filter
from generator.store.states import Kind, State
from generator.worker.reader import NOT_APPLIED, ReaderOptions
from generator.worker.worker import Worker
from tests.cluster.gitops import GitOps, reconciling
from tests.fleet_repository import git
from tests.worker.stage import Stage, staged

ANN = Asker("Ann <ann@example.com>", "because")
BAD = {"servingRuntimeImage": "registry.internal/serve/vllm:fate-crash-loop-after-0s"}
GOOD = {"servingRuntimeImage": "registry.internal/serve/vllm:2"}


@contextmanager
def everything(gitops: GitOps, database: Database, cluster: SimulatedCluster, **options: Any) -> Iterator[Stage]:
    """Reconciler, worker and reader."""
    with (
        reconciling(gitops, lambda _: cluster, poll=0.1),
        staged(gitops.root, database, lambda _: cluster, **options) as stage,
    ):
        yield stage


def fail_soon(gitops: GitOps, **policies: Any) -> None:
    """A crash is the verdict after a second."""

    def change(spec: dict[str, Any]) -> None:
        spec["budgets"] = {**(spec.get("budgets") or {}), "failingSeconds": 1}
        spec["policies"].update(policies)

    gitops.edit_environment(change)


def names_of(stage: Stage, row_id: int) -> list[str]:
    """The events of a redeployment."""
    return [event.name for event in stage.service.queries.events(row_id)]


def test_a_redeploy_goes_from_request_to_healthy(
    gitops: GitOps, database: Database, simulated: SimulatedCluster
) -> None:
    """Its row keeps who, why, what, and when each step was; its commit carries its request id and its author."""
    gitops.add("chat")
    with everything(gitops, database, simulated) as stage:
        accepted = stage.service.redeploy("test/chat", ANN, {"cpuRequest": "3"})
        row = stage.wait(accepted.row)
        assert (row.state, row.kind, row.revision, row.pod_revision) == (State.HEALTHY, Kind.REDEPLOY, 2, 2)
        assert (row.actor, row.reason, row.request) == ("Ann <ann@example.com>", "because", {"cpuRequest": "3"})
        assert row.base_commit == git(gitops.root, "rev-parse", f"{row.commit_id}^")
        assert row.resolved["cpu_request"] == "3"
        times = [row.created_at, row.committed_at, row.applied_at, row.settled_at]
        assert times == sorted(times, key=str)
        names = names_of(stage, row.id)
        assert [name for name in names if name in ("accepted", "committed", "applied", "healthy")] == [
            "accepted", "committed", "applied", "healthy",
        ]  # fmt: skip
        body = git(gitops.root, "log", "-1", "--format=%an%n%B", str(row.commit_id))
        assert body.startswith("Ann")
        assert f"Revstamp-Request-Id: {row.request_id}" in body


def test_a_request_that_is_sent_twice_is_carried_out_once(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """The same key gives the same row; with another content it is refused."""
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        asker = Asker("Ann <ann@example.com>", key="once")
        first = stage.service.redeploy("test/chat", asker, {"cpuRequest": "3"})
        stage.wait(first.row)
        again = stage.service.redeploy("test/chat", asker, {"cpuRequest": "3"})
        assert (again.row.id, again.is_new) == (first.row.id, False)
        with pytest.raises(InvalidInput, match="used before"):
            stage.service.redeploy("test/chat", asker, {"cpuRequest": "4"})


def test_a_second_redeploy_is_refused_and_told_which_one_runs(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """It leaves a refused row; --supersede takes the first one's place, and the pods become the second one's."""
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        slow = {"servingRuntimeImage": "registry.internal/serve/vllm:fate-slow-load-after-30s"}
        first = stage.service.redeploy("test/chat", ANN, slow).row
        stage.wait(first, State.PROGRESSING)
        with pytest.raises(AlreadyRunning, match=f"redeploy {first.id} .* by Ann .* is progressing since") as refused:
            stage.service.redeploy("test/chat", Asker("Bob <bob@example.com>"), GOOD)
        assert refused.value.details["redeployment"]["id"] == str(first.id)
        assert stage.service.queries.find(refused.value.details["refused"]).state is State.REFUSED
        second = stage.service.redeploy("test/chat", Asker("Bob <bob@example.com>", supersede=True), GOOD).row
        assert stage.wait(second).state is State.HEALTHY
        ended = stage.row(first)
        assert (ended.state, ended.superseded_by) == (State.SUPERSEDED, second.id)


def test_a_failure_is_shown_at_once_becomes_the_verdict_later_and_a_rollback_mends_it(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """The endpoint is degraded while its old pods serve; the rollback goes to the last healthy revision."""
    fail_soon(gitops)
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        good = stage.wait(stage.service.redeploy("test/chat", ANN, GOOD).row)
        bad = stage.service.redeploy("test/chat", ANN, BAD).row
        stage.until(lambda: stage.row(bad).failing or stage.row(bad).state is State.FAILED, "failing")
        failed = stage.wait(bad)
        assert (failed.state, failed.failure_reason) == (State.FAILED, "CrashLoop")
        assert failed.message
        assert failed.hint
        assert "failing" in names_of(stage, bad.id)
        states = EndpointStates(ledger_file)
        stage.until(lambda: states.load("test")["chat"].status == "degraded", "degraded")
        again = stage.service.redeploy("test/chat", ANN, {"cpuRequest": "3"}).row
        assert stage.wait(again).state is State.FAILED
        back = stage.wait(stage.service.rollback("test/chat", ANN).row)
        assert (back.state, back.kind, back.restores, back.rolls_back) == (
            State.HEALTHY, Kind.ROLLBACK, good.revision, again.id,
        )  # fmt: skip
        stage.until(lambda: states.load("test")["chat"].status == "healthy", "healthy")
        assert states.load("test")["chat"].good_revision == back.revision


def test_a_failed_revision_is_rolled_back_by_itself_once_where_the_environment_says_so(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """After the bake time; the rollback's own failure is left to people."""
    fail_soon(gitops, automaticRollback={"enabled": True, "bakeSeconds": 1})
    gitops.add("chat", image=GOOD["servingRuntimeImage"])
    with everything(gitops, ledger_file, simulated) as stage:
        stage.wait(stage.service.redeploy("test/chat", ANN).row)
        bad = stage.wait(stage.service.redeploy("test/chat", ANN, BAD).row)
        assert bad.state is State.FAILED
        stage.until(lambda: stage.service.queries.latest_committed("test", "chat").id > bad.id, "rolled back")
        back = stage.wait(stage.service.queries.latest_committed("test", "chat"))
        assert (back.kind, back.state, back.rolls_back) == (Kind.ROLLBACK, State.HEALTHY, bad.id)
        assert "failed" in back.reason


def test_a_stop_interrupts_and_settles_healthy_at_zero_pods(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """Whoever stops an endpoint never has to wait for a rollout."""
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        slow = {"servingRuntimeImage": "registry.internal/serve/vllm:fate-slow-load-after-30s"}
        first = stage.service.redeploy("test/chat", ANN, slow).row
        stage.wait(first, State.PROGRESSING)
        stop = stage.wait(stage.service.scale("test/chat", ANN, 0, 0).row)
        assert (stop.kind, stop.state) == (Kind.STOP, State.HEALTHY)
        assert stage.row(first).state is State.SUPERSEDED
        start = stage.wait(stage.service.scale("test/chat", ANN, 1, 2).row)
        assert (start.kind, start.state) == (Kind.SCALE, State.HEALTHY)


def test_scaling_is_settled_without_new_pods(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """The pod revision stays, the verdict waits for the number of pods."""
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        row = stage.wait(stage.service.scale("test/chat", ANN, 3, 3).row)
        assert (row.state, row.revision, row.pod_revision) == (State.HEALTHY, 2, 1)
        assert len(list(simulated.list(POD, "serving"))) == 3


def test_a_delete_is_healthy_when_nothing_is_left_and_the_name_is_not_used_again(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """Its history stays."""
    gitops.add("chat")
    gitops.add("other")
    with everything(gitops, ledger_file, simulated) as stage:
        stage.wait(stage.service.redeploy("test/chat", ANN).row)
        row = stage.wait(stage.service.delete("test/chat", ANN).row)
        assert (row.state, row.kind) == (State.HEALTHY, Kind.DELETE)
        left = {pod["metadata"]["labels"]["revstamp.io/endpoint"] for pod in simulated.list(POD, "serving")}
        assert left == {"other"}
        with pytest.raises(NotFound):
            stage.service.redeploy("test/chat", ANN)


def test_commits_made_by_hand_are_recorded_by_their_author_and_take_over(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """Also several at once, in their order; the one that ran is superseded."""
    gitops.add("chat")
    with everything(gitops, ledger_file, simulated) as stage:
        stage.until(lambda: EndpointStates(ledger_file).load("test"), "read")
        slow = {"servingRuntimeImage": "registry.internal/serve/vllm:fate-slow-load-after-30s"}
        first = stage.service.redeploy("test/chat", ANN, slow).row
        stage.wait(first, State.PROGRESSING)
        path = gitops.root / "environments/test/endpoints/chat.yaml"
        text = path.read_text()
        for limit in ("10Gi", "12Gi"):
            path.write_text(text.replace(slow["servingRuntimeImage"], GOOD["servingRuntimeImage"]).rstrip()
                            + f"\n  memory:\n    request: 1Gi\n    limit: {limit}\n")  # fmt: skip
            gitops.type("commit", "-m", f"limit {limit}")
        stage.until(lambda: stage.service.queries.latest_committed("test", "chat").revision == 4, "found")
        newest = stage.wait(stage.service.queries.latest_committed("test", "chat"))
        assert (newest.kind, newest.state, newest.actor) == (
            Kind.BY_HAND, State.HEALTHY, "Test Person <test@example.org>",
        )  # fmt: skip
        assert newest.reason == "limit 12Gi"
        rows = {row.revision: row for row in stage.service.queries.page(Filter("test", "chat"))}
        assert rows[3].kind is Kind.BY_HAND
        assert rows[3].state in (State.SUPERSEDED, State.HEALTHY)
        assert stage.row(first).state is State.SUPERSEDED


def test_a_pending_one_is_committed_once_whoever_was_cut_off(
    gitops: GitOps, database: Database, simulated: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before the commit, after it, and after the claim: the worker goes on, with one commit."""
    gitops.add("chat")
    gitops.add("search")
    monkeypatch.setattr(committing, "CLAIM_SECONDS", 1.0)
    with staged(gitops.root, database, lambda _: simulated, work=False) as stage:
        before = stage.service.redeploy("test/chat", ANN, GOOD).row
        after = stage.service.redeploy("test/search", ANN, GOOD).row
        ledger = stage.service.ledger
        assert ledger.claim(after, "dead", 0.0)
        cut = _without_moves(stage)
        Committer(stage.service.trunk, cut, "dead").drive(stage.row(after))
        assert stage.row(after).state is State.PENDING
        assert git(gitops.root, "log", "--format=%B").count(after.request_id) == 1
    with everything(gitops, database, simulated) as stage:
        for row in (before, after):
            settled = stage.wait(row)
            assert settled.state is State.HEALTHY
            assert git(gitops.root, "log", "--format=%B").count(row.request_id) == 1


def _without_moves(stage: Stage) -> Any:
    """A ledger whose process dies before it can say that a commit is made."""

    class Cut(type(stage.service.ledger)):  # type: ignore[misc]
        def move(self, *_: object) -> None:
            return None

    return Cut(stage.service.ledger.database)


def test_without_anybody_who_applies_it_a_commit_fails_and_says_so(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """Not before the limit, and with a hint where to look."""
    gitops.add("chat")
    with staged(gitops.root, ledger_file, lambda _: simulated, options=ReaderOptions(apply_seconds=1.0)) as stage:
        row = stage.wait(stage.service.redeploy("test/chat", ANN).row)
        assert (row.state, row.failure_reason) == (State.FAILED, NOT_APPLIED)
        assert "reconciler" in row.hint


def test_the_reader_is_told_when_a_row_has_come_into_git(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """A small rollout may have ended by then, and nothing more will happen that the reader would see."""
    gitops.add("chat")
    with staged(gitops.root, ledger_file, lambda _: simulated, work=False) as stage:
        row = stage.service.redeploy("test/chat", ANN).row
        told: list[State] = []
        log = make_log("json", stage.lines)
        worker = Worker(stage.service, stage.source, log, lambda: told.append(stage.service.queries.get(row.id).state))
        with ThreadPoolExecutor(1) as pool:
            worker.turn(pool)
        assert told == [State.COMMITTED]


def test_whoever_applies_the_commit_it_is_settled_the_same(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """As Argo CD or Flux would: the manifests of the commit, under another field manager."""
    gitops.add("chat")
    with staged(gitops.root, ledger_file, lambda _: simulated) as stage:
        row = stage.wait(stage.service.redeploy("test/chat", ANN, GOOD).row, State.COMMITTED)
        desired = DesiredEnvironment(stage.service.trunk.read_tip(), "test")
        for body in desired.read("chat").bodies:
            simulated.apply(body, manager="argocd-controller")
        assert stage.wait(row).state is State.HEALTHY


def test_a_plan_that_is_refused_touches_nothing_and_leaves_its_reasons(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """The lock stays free."""
    gitops.add("chat")
    tip = gitops.tip
    with staged(gitops.root, ledger_file, lambda _: simulated, work=False) as stage:
        with pytest.raises(Refused) as refused:
            stage.service.redeploy("test/chat", ANN, {"cpuRequest": "8", "cpuLimit": "4"})
        row = stage.service.queries.find(refused.value.details["refused"])
        assert (row.state, row.reason) == (State.REFUSED, "because")
        assert row.violations
        assert gitops.tip == tip
        assert stage.service.queries.active("test", "chat") is None


def test_an_environment_that_wants_pull_requests_gets_a_branch_and_the_merge_goes_on(
    tmp_path: Path, gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster
) -> None:
    """Proposed until it is merged; one whose branch goes without a merge is rejected."""
    gitops.add("chat")
    gitops.edit_environment(lambda spec: spec["policies"].update(pullRequestRequired=True))
    with everything(gitops, ledger_file, simulated) as stage:
        stage.until(lambda: EndpointStates(ledger_file).load("test"), "read")
        row = stage.wait(stage.service.redeploy("test/chat", ANN, GOOD).row, State.PROPOSED)
        assert row.branch
        assert stage.service.queries.active("test", "chat") is None
        git(gitops.root, "merge", "-q", "--no-ff", "-m", "merge", row.branch)
        merged = stage.wait(row)
        assert (merged.state, merged.revision) == (State.HEALTHY, 2)
        git(gitops.root, "branch", "-qD", row.branch)
        other = stage.wait(stage.service.redeploy("test/chat", ANN, {"cpuRequest": "3"}).row, State.PROPOSED)
        git(gitops.root, "branch", "-qD", str(other.branch))
        assert stage.wait(other).state is State.REJECTED
