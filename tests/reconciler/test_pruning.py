"""What may be pruned, and what is kept though git does not have it: over a simulated cluster."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.cluster.changes import Action
from generator.cluster.kinds import DEPLOYMENT, HTTP_ROUTE, POD_DISRUPTION_BUDGET, ObjectRef
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.apply_once import apply_once, prepare, record_results
from generator.reconciler.endpoint_result import EndpointResult, SyncOptions
from generator.reconciler.environment_sync import EnvironmentSync
from generator.reconciler.fence import FencedCluster
from generator.service.desired import DesiredEnvironment
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.bench.reconcile_change import wait_for
from tests.cluster.gitops import GitOps, make_gitops, reconciling, term_of
from tests.fleet_repository import git
from tests.reconciler.conftest import NAMESPACE


def apply(
    gitops: GitOps, cluster: SimulatedCluster, rev: str = "main", environment: str = "test", confirm: int = 0
) -> dict[str, EndpointResult]:
    """A pass over everything, as `revstamp apply -e` makes it."""
    workspace = Workspace.open(gitops.root, Settings())
    desired = DesiredEnvironment(workspace.snapshot(rev), environment)
    sync = EnvironmentSync(cluster, desired, SyncOptions(confirmed_prune=confirm))
    results = apply_once(sync, prepare(sync, None))
    record_results(sync, results, whole=True)
    return {result.name: result for result in results}


def is_there(cluster: SimulatedCluster, name: str) -> bool:
    """Whether the endpoint's Deployment is."""
    return cluster.read(ObjectRef(DEPLOYMENT, NAMESPACE, name)) is not None


def reasons(result: EndpointResult) -> set[str]:
    """Why objects were kept."""
    return {change.reason for change in result.changes if change.action is Action.SKIPPED}


def test_a_deleted_endpoint_is_pruned_also_where_the_record_is_lost(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Its tombstone says that it is meant."""
    apply(gitops, cluster)
    gitops.type("delete", "test/chat")
    for body in list(cluster.list(record_kind(), NAMESPACE)):
        cluster.delete(ObjectRef(record_kind(), NAMESPACE, body["metadata"]["name"]), uid=body["metadata"]["uid"])
    apply(gitops, cluster)
    assert not is_there(cluster, "chat")
    assert is_there(cluster, "search")


def record_kind():  # type: ignore[no-untyped-def]
    """ConfigMaps: where the record stands."""
    from generator.cluster.kinds import CONFIG_MAP

    return CONFIG_MAP


def test_two_environments_in_one_namespace_leave_each_other_alone(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """What one does not know is not the other's leftover."""
    other = gitops.root / "environments" / "other"
    other.mkdir()
    text = (gitops.root / "environments/test/environment.yaml").read_text()
    (other / "environment.yaml").write_text(text.replace("name: test", "name: other"))
    gitops.environment = "other"
    gitops.add("voice")
    apply(gitops, cluster)
    apply(gitops, cluster, environment="other")
    apply(gitops, cluster)
    assert all(is_there(cluster, name) for name in ("chat", "search", "voice"))


def test_one_name_in_two_environments_of_one_namespace_is_refused(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Their objects would be the same."""
    other = gitops.root / "environments" / "other"
    other.mkdir()
    text = (gitops.root / "environments/test/environment.yaml").read_text()
    (other / "environment.yaml").write_text(text.replace("name: test", "name: other"))
    gitops.environment = "other"
    gitops.add("chat", route="/llm/another")
    results = apply(gitops, cluster)
    assert "are in one namespace" in str(results["chat"].error)
    assert is_there(cluster, "search")


def test_another_repository_in_the_namespace_is_left_alone(
    gitops: GitOps, cluster: SimulatedCluster, tmp_path: Path
) -> None:
    """Nothing in this repository says that its endpoints were deleted."""
    apply(gitops, cluster)
    second = make_gitops(tmp_path / "second", NAMESPACE)
    second.add("voice")
    for _ in range(2):
        apply(second, cluster)
        apply(gitops, cluster)
    assert all(is_there(cluster, name) for name in ("chat", "search", "voice"))


def test_an_older_commit_prunes_nothing(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """A stale clone, or a pipeline that is run again, is no wish to delete what came since; `confirm` is."""
    gitops.add("late")
    apply(gitops, cluster)
    for _ in range(2):
        results = apply(gitops, cluster, "main~1")
        assert is_there(cluster, "late")
        assert any("does not lead to this one" in reason for reason in reasons(results["late"]))
    apply(gitops, cluster, "main~1", confirm=10)
    assert not is_there(cluster, "late")


def test_a_lost_manifest_is_no_wish_to_delete(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """A merge that dropped a file: the stamp's digest tells."""
    apply(gitops, cluster)
    manifest = next((gitops.root / "environments/test/manifests").glob("*/chat/deployment.yaml"))
    manifest.unlink()
    git(gitops.root, "commit", "-qam", "a bad merge")
    results = apply(gitops, cluster)
    assert is_there(cluster, "chat")
    assert any("stamp" in reason for reason in reasons(results["chat"]))


def test_lost_folders_are_no_wish_to_delete(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Neither of one endpoint nor of all."""
    apply(gitops, cluster)
    shutil.rmtree(gitops.root / "environments/test/manifests")
    git(gitops.root, "commit", "-qam", "oops")
    apply(gitops, cluster)
    assert all(is_there(cluster, name) for name in ("chat", "search"))


def test_an_endpoint_whose_creation_was_reverted_by_hand_is_pruned(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """File, manifests and stamp are gone, and the commit that was applied last leads here."""
    gitops.add("late")
    apply(gitops, cluster)
    git(gitops.root, "revert", "--no-edit", "HEAD")
    apply(gitops, cluster)
    assert not is_there(cluster, "late")
    assert is_there(cluster, "chat")


def test_the_limit_holds_over_later_commits_until_it_is_confirmed(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """A commit about something else opens no gate."""
    apply(gitops, cluster)
    gitops.edit_environment(lambda spec: spec["policies"].update(pruneLimit=2))
    apply(gitops, cluster)
    gitops.type("delete", "test/chat")
    apply(gitops, cluster)
    (gitops.root / "README.md").write_text("hello\n")
    git(gitops.root, "add", "README.md")
    git(gitops.root, "commit", "-qm", "readme")
    results = apply(gitops, cluster)
    assert is_there(cluster, "chat")
    assert any("at most 2" in reason for reason in reasons(results["chat"]))
    apply(gitops, cluster, confirm=3)
    assert not is_there(cluster, "chat")


def test_nothing_is_pruned_that_was_not_judged_at_this_commit(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Between a new tip and its judgement the gate is closed."""
    apply(gitops, cluster)
    gitops.type("delete", "test/chat")
    desired = DesiredEnvironment(Workspace.open(gitops.root, Settings()).snapshot("main"), "test")
    sync = EnvironmentSync(cluster, desired)
    prepare(sync, None)
    assert sync.sync("chat").changes.count(Action.PRUNED) == 0
    sync.judge_pruning()
    assert sync.sync("chat").changes.count(Action.PRUNED) == 3


def test_a_suspended_endpoint_with_a_mistake_in_its_file_stays_suspended(
    gitops: GitOps, cluster: SimulatedCluster
) -> None:
    """Somebody wanted it left alone."""
    apply(gitops, cluster)
    gitops.type("redeploy", "test/chat")
    path = gitops.root / "environments/test/endpoints/chat.yaml"
    path.write_text(path.read_text().replace("spec:", "spec:\n  suspend: true\n  nonsense: 1", 1))
    git(gitops.root, "commit", "-qam", "suspend")
    result = apply(gitops, cluster)["chat"]
    assert "may be suspended" in result.held


def test_a_cluster_without_a_kind_is_looked_through_all_the_same(gitops: GitOps) -> None:
    """There is nothing of it that could be left over."""
    cluster = SimulatedCluster(strict_namespaces=False, missing_kinds=[HTTP_ROUTE])
    try:
        done = apply(gitops, cluster)["chat"]
        assert [change.ref.kind for change in done.changes.failed] == [HTTP_ROUTE]
    finally:
        cluster.close()


class LateWriter(FencedCluster):
    """Puts an object there while a Deployment is being applied, and answers when the watch has told of it."""

    def __init__(self, cluster: SimulatedCluster, late: dict[str, Any]) -> None:
        super().__init__(cluster, lambda: True)
        self.shared, self.late, self.is_armed = cluster, late, False
        self.may_answer: Callable[[], object] = lambda: True

    def apply(self, body: Any, **options: Any) -> Any:
        """As the cluster does."""
        done = super().apply(body, **options)
        if self.is_armed and body["kind"] == DEPLOYMENT.name:
            self.is_armed = False
            self.shared.apply(self.late)
            wait_for(lambda: self.may_answer() or None)
        return done


def test_what_comes_up_during_its_endpoints_own_pass_is_pruned(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """A late write of the leader before, or a pipeline that applies an older commit."""
    ref = ObjectRef(POD_DISRUPTION_BUDGET, NAMESPACE, "chat-old")
    metadata = {"name": ref.name, "namespace": NAMESPACE, "labels": {"revstamp.io/endpoint": "chat"}}
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "chat"}}}
    late = LateWriter(cluster, {"apiVersion": "policy/v1", "kind": ref.kind.name, "metadata": metadata, "spec": spec})
    with reconciling(gitops, lambda _: late, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        late.may_answer = lambda: term_of(running).sync.index.find(ref)
        late.is_armed = True
        gitops.type("redeploy", "test/chat")
        running.wait_applied(gitops.tip)
        running.wait(lambda: not late.is_armed and cluster.read(ref) is None, "pruned")
