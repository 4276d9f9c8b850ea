"""The reconciler and the wait over a simulated cluster: odd commits, odd files, odd answers."""

from __future__ import annotations

from typing import Any

import pytest

from generator.cluster.changes import Action
from generator.cluster.kinds import DEPLOYMENT, ObjectRef
from generator.cluster.simulated import PlannedFault, SimulatedCluster
from generator.errors import ObjectInvalid
from generator.reconciler.apply_once import apply_once, prepare
from generator.reconciler.environment_sync import EnvironmentSync
from generator.reconciler.follow import ignore_change
from generator.reconciler.slots import RolloutSlots
from generator.reconciler.wait_once import wait_for_rollouts
from generator.rollout.status import RolloutStatus, Verdict
from generator.service.desired import DesiredEnvironment
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.cluster.gitops import GitOps, Running, keep, reconciling, term_of
from tests.fleet_repository import git
from tests.reconciler.conftest import NAMESPACE, SlowCluster


@pytest.fixture
def gitops(gitops: GitOps) -> GitOps:
    """One rollout at a time."""
    gitops.edit_environment(lambda spec: spec["policies"].update(maxConcurrentRollouts=1))
    return gitops


def status_of(running: Running, name: str) -> RolloutStatus | None:
    """What the tracker says of an endpoint."""
    term = running.reconciler.loops["test"].term
    return term.tracker.status(name) if term is not None else None


def revision_of(cluster: SimulatedCluster, name: str) -> str:
    """The pod revision that a Deployment carries."""
    live: Any = cluster.read(ObjectRef(DEPLOYMENT, NAMESPACE, name))
    return str(live["spec"]["template"]["metadata"]["annotations"]["revstamp.io/revision"])


def test_a_revert_by_hand_ends_healthy(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """The number goes back; for a moment the cluster is ahead of git, and then it is what git says."""
    with reconciling(gitops, keep(cluster)) as running:
        running.wait_applied(gitops.tip)
        gitops.type("redeploy", "test/chat")
        running.wait_applied(gitops.tip)
        git(gitops.root, "revert", "--no-edit", "HEAD")
        running.wait_applied(gitops.tip)
        running.wait(lambda: revision_of(cluster, "chat") == "1")
        running.wait(lambda: (s := status_of(running, "chat")) is not None and s.verdict is Verdict.HEALTHY)


def test_a_bad_stamp_is_its_endpoints_trouble_alone(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Conflict markers in one stamp: the other endpoint is redeployed, also after a restart."""
    with reconciling(gitops, keep(cluster)) as running:
        running.wait_applied(gitops.tip)
    stamp = next((gitops.root / "environments/test/stamps").glob("*/chat.yaml"))
    stamp.write_text("<<<<<<< HEAD\n" + stamp.read_text())
    git(gitops.root, "commit", "-qam", "conflict")
    with reconciling(gitops, keep(cluster)) as running:
        running.wait(lambda: running.logged("endpoint failed"))
        gitops.type("redeploy", "test/search")
        running.wait(lambda: revision_of(cluster, "search") == "2")
        running.wait(lambda: (s := status_of(running, "search")) is not None and s.verdict is Verdict.HEALTHY)


def test_a_full_pass_sees_what_a_new_policy_makes_of_old_drift(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """What was only reported is undone once the environment heals."""
    with reconciling(gitops, keep(cluster), full_pass_seconds=0.5) as running:
        running.wait_applied(gitops.tip)
        ref = ObjectRef(DEPLOYMENT, NAMESPACE, "chat")
        cluster.patch(
            ref,
            [{"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"by": "hand"}}],
            manager="kubectl-edit",
        )
        running.wait(lambda: running.logged("changed by hand"))
        gitops.edit_environment(lambda spec: spec["policies"].update(drift="heal"))

        def is_healed() -> bool:
            live: Any = cluster.read(ref)
            return "nodeSelector" not in live["spec"]["template"]["spec"]

        running.wait(is_healed)


def test_a_bug_in_what_follows_the_branch_is_told_and_survived(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """The thread goes on, and the tip is told again."""
    calls: list[str] = []

    def stumble(snapshot: Any) -> None:
        calls.append(snapshot.commit)
        if len(calls) == 1:
            raise KeyError("oops")

    with reconciling(gitops, keep(cluster)) as running:
        running.wait_applied(gitops.tip)
        running.source.follow(stumble)
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: len(calls) > 1)
        running.wait_applied(gitops.tip)


def make_sync(gitops: GitOps, cluster: SimulatedCluster) -> EnvironmentSync:
    """A pass with one slot."""
    desired = DesiredEnvironment(Workspace.open(gitops.root, Settings()).snapshot("main"), "test")
    return EnvironmentSync(cluster, desired, slots=RolloutSlots(1))


def test_a_first_pass_over_many_reads_no_object_that_the_listing_did_not_show(
    gitops: GitOps, cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request an object, and one list of ReplicaSets for all."""
    for room in ("apply_once", "environment_sync"):
        monkeypatch.setattr(f"generator.reconciler.{room}.FEW", 1)
    asked: list[str] = []
    for verb in ("read", "apply", "list"):
        call = getattr(cluster, verb)

        def ask(first: Any, *more: Any, verb: str = verb, call: Any = call, **named: Any) -> Any:
            what = first.kind.name if verb == "read" else first["kind"] if verb == "apply" else first.name
            asked.append(f"{verb} {what}")
            return call(first, *more, **named)

        monkeypatch.setattr(cluster, verb, ask)
    sync = make_sync(gitops, cluster)
    chosen = prepare(sync, None)
    asked.clear()
    results = apply_once(sync, chosen)
    made = [change for result in results for change in result.changes]
    assert {change.action for change in made} == {Action.CREATED}
    assert sorted(asked) == sorted(["list ReplicaSet", *(f"apply {change.ref.kind}" for change in made)])


def test_a_wait_goes_on_to_the_next_rollout_though_an_object_of_the_first_failed(
    gitops: GitOps, cluster: SimulatedCluster
) -> None:
    """The Service is refused, the pods roll all the same, and the slot is given back when they have."""
    sync = make_sync(gitops, cluster)
    apply_once(sync, prepare(sync, None))
    gitops.type("redeploy", "test/chat")
    gitops.type("redeploy", "test/search")
    for path in (gitops.root / "environments/test/endpoints").glob("*.yaml"):
        path.write_text(path.read_text().replace("route: /llm/", "route: /v2/"))
    gitops.type("commit", "-m", "routes")
    refusal = ObjectInvalid("no routes today")
    cluster.faults.plan(PlannedFault(refusal, verb="apply", kind="HTTPRoute", name="chat-route", times=100))
    sync = make_sync(gitops, cluster)
    results = apply_once(sync, prepare(sync, None), workers=1)
    assert {result.name: result.waits_for_slot for result in results} == {"chat": False, "search": True}
    statuses, finished = wait_for_rollouts(sync, results, 20, ignore_change)
    assert finished
    assert {name: status.verdict for name, status in statuses.items()} == {
        "chat": Verdict.HEALTHY,
        "search": Verdict.HEALTHY,
    }
    assert revision_of(cluster, "search") == "2"


def test_too_few_pods_are_not_healthy_though_the_deployment_asks_for_no_more(
    gitops: GitOps, cluster: SimulatedCluster
) -> None:
    """Somebody has scaled it while nobody looked; git wants more."""
    gitops.add("chat", replicas={"min": 3, "max": 3})
    with reconciling(gitops, keep(cluster)) as running:
        running.wait_applied(gitops.tip)
    scale = [{"op": "replace", "path": "/spec/replicas", "value": 1}]
    cluster.patch(ObjectRef(DEPLOYMENT, NAMESPACE, "chat"), scale, manager="kubectl")
    with reconciling(gitops, keep(cluster)) as running:
        running.wait_applied(gitops.tip)
        running.wait(lambda: (s := status_of(running, "chat")) and (s.progress.ready, s.progress.wanted) == (1, 3))


def test_the_lag_of_an_endpoint_counts_though_newer_commits_came_meanwhile(
    gitops: GitOps, cluster: SimulatedCluster
) -> None:
    """From the first commit that it had not come up with."""
    slow = SlowCluster(cluster, "chat")
    slow.may_go.set()
    gitops.edit_environment(lambda spec: spec["policies"].update(maxConcurrentRollouts=2))
    with reconciling(gitops, lambda _: slow) as running:
        running.wait_applied(gitops.tip)
        before = lags(running)
        slow.may_go.clear()
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: "chat" in term_of(running)._awaited, "the first commit")
        gitops.type("redeploy", "test/search")
        running.wait(lambda: lags(running) == before + 1, "the quick one")
        slow.may_go.set()
        running.wait(lambda: lags(running) == before + 2, "the slow one")


def lags(running: Running) -> float:
    """How often a lag was counted."""
    return sum(
        sample.value
        for metric in running.metrics.lag.collect()
        for sample in metric.samples
        if sample.name.endswith("_count")
    )
