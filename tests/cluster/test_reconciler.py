"""The reconciler keeps a namespace at what a branch says."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, SERVICE, ObjectRef
from generator.cluster.port import Cluster as Port
from tests.cluster.gitops import GitOps, Running, reconciling
from tests.cluster.gitops_fixtures import Open
from tests.fleet_repository import git
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import is_rolled_out

pytestmark = pytest.mark.cluster


def deployment_path(namespace: str, name: str) -> str:
    """Where a Deployment is."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def test_what_is_committed_is_applied_and_what_did_not_change_is_not_touched(
    gitops: GitOps, opening: Open, testbed: Cluster
) -> None:
    """A redeploy of one endpoint writes one object of it, and none of the other."""
    gitops.add("chat")
    gitops.add("search")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        for name in ("chat", "search"):
            testbed.api.wait(deployment_path(gitops.namespace, name), is_rolled_out)
        before = testbed.api.get(deployment_path(gitops.namespace, "search"))
        gitops.type("redeploy", "test/chat")
        running.wait_applied(gitops.tip)
        after = testbed.api.get(deployment_path(gitops.namespace, "search"))
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
        applied = [line for line in running.logged("applied") if line["commit"] == gitops.tip[:10]]
        assert [line["endpoint"] for line in applied] == ["chat"]
        assert applied[0]["objects"] == f"Deployment {gitops.namespace}/chat configured"


def test_a_deleted_endpoint_is_pruned_and_its_neighbours_stay(gitops: GitOps, opening: Open) -> None:
    """Deployment, Service and route go."""
    gitops.add("chat")
    gitops.add("search")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        gitops.type("delete", "test/chat")
        running.wait_applied(gitops.tip)
        port = opening("look")
        running.wait(lambda: port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "chat")) is None)
        assert port.read(ObjectRef(SERVICE, gitops.namespace, "chat-svc")) is None
        assert port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "search")) is not None


def test_what_happened_while_it_was_away_is_made_up_for(gitops: GitOps, opening: Open) -> None:
    """Commits, deletions and drift: all are put right at the start."""
    gitops.edit_environment(lambda spec: spec["policies"].update(drift="heal"))
    for name in ("chat", "search", "old"):
        gitops.add(name)
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
    port = opening("look")
    gitops.type("delete", "test/old")
    gitops.type("redeploy", "test/chat")
    search = ObjectRef(SERVICE, gitops.namespace, "search-svc")
    live = port.read(search)
    assert live is not None
    port.delete(search, uid=live["metadata"]["uid"])
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        assert port.read(search) is not None
        assert port.read(ObjectRef(SERVICE, gitops.namespace, "old-svc")) is None
        chat = port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "chat"))
        assert chat is not None
        assert chat["metadata"]["annotations"]["revstamp.io/revision"] == "2"


def test_without_a_record_what_was_left_behind_is_found_by_its_label(gitops: GitOps, opening: Open) -> None:
    """Somebody deleted the ConfigMap, and the endpoint while nobody looked."""
    gitops.add("chat")
    gitops.add("search")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
    port = opening("look")
    ref = ObjectRef(CONFIG_MAP, gitops.namespace, "revstamp-applied-test")
    record = port.read(ref)
    assert record is not None
    port.delete(ref, uid=record["metadata"]["uid"])
    gitops.type("delete", "test/chat")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        running.wait(lambda: port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "chat")) is None)


def test_a_commit_without_any_manifest_prunes_nothing(gitops: GitOps, opening: Open) -> None:
    """Somebody removed the folder: that is no wish to delete a fleet."""
    gitops.add("chat")
    gitops.add("search")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        git(gitops.root, "rm", "-rq", "environments/test/manifests")
        git(gitops.root, "commit", "-qm", "oops")
        running.wait(lambda: [line for line in running.logged("pass") if line["commit"] == gitops.tip[:10]])
        running.wait(lambda: len(running.reconciler.loops["test"].term.queue) == 0)  # type: ignore[union-attr]
        port = opening("look")
        for name in ("chat", "search"):
            assert port.read(ObjectRef(DEPLOYMENT, gitops.namespace, name)) is not None


def test_more_deletions_than_the_limit_are_refused_and_the_rest_is_applied(gitops: GitOps, opening: Open) -> None:
    """Three objects an endpoint, four allowed: nothing of two is pruned, the new endpoint comes."""
    gitops.edit_environment(lambda spec: spec["policies"].update(pruneLimit=4))
    for name in ("a", "b", "c"):
        gitops.add(name)
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        git(gitops.root, "checkout", "-q", "-b", "side")
        gitops.type("delete", "test/a")
        gitops.type("delete", "test/b")
        gitops.add("d")
        git(gitops.root, "checkout", "-q", "main")
        git(gitops.root, "merge", "-q", "side")
        port = opening("look")
        running.wait(lambda: port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "d")) is not None)
        running.wait(lambda: running.logged("nothing is pruned"))
        assert port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "a")) is not None
        gitops.edit_environment(lambda spec: spec["policies"].update(pruneLimit=10))
        running.wait(lambda: port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "a")) is None)


def test_a_bad_endpoint_blocks_no_other_and_is_mended_by_the_next_commit(gitops: GitOps, opening: Open) -> None:
    """A manifest that nobody can read: the other endpoint is applied, the fix is taken at once."""
    gitops.add("chat")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        manifest = next((gitops.root / "environments/test/manifests").glob("*/chat/deployment.yaml"))
        good = manifest.read_text()
        manifest.write_text("kind: [")
        git(gitops.root, "commit", "-qam", "broken")
        gitops.add("search")
        port = opening("look")
        running.wait(lambda: port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "search")) is not None)
        running.wait(lambda: running.logged("endpoint failed"))
        assert manifest.name in running.logged("endpoint failed")[0]["error"]
        manifest.write_text(good)
        git(gitops.root, "commit", "-qam", "mended")
        running.wait_applied(gitops.tip)


def test_what_the_server_refuses_is_named_and_tried_again(gitops: GitOps, opening: Open, testbed: Cluster) -> None:
    """A quota keeps the Service away; once it is raised, it comes without a commit."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": gitops.namespace},
        "spec": {"hard": {"services": "0"}},
    }
    testbed.api.create(quota)
    testbed.api.wait(
        f"/api/v1/namespaces/{gitops.namespace}/resourcequotas/none", lambda it: "hard" in it.get("status", {})
    )
    gitops.add("chat")
    with reconciling(gitops, opening) as running:
        running.wait(lambda: running.logged("object failed"))
        line = running.logged("object failed")[0]
        assert "quota" in line["error"]
        assert line["object"] == f"Service {gitops.namespace}/chat-svc"
        testbed.api.delete(f"/api/v1/namespaces/{gitops.namespace}/resourcequotas/none")
        running.wait_applied(gitops.tip)


def test_no_more_rollouts_at_once_than_the_policy_allows(gitops: GitOps, opening: Open, testbed: Cluster) -> None:
    """An image for all of six endpoints: two roll, the others follow as those end."""
    names = [f"e{number}" for number in range(6)]
    gitops.edit_environment(lambda spec: spec["policies"].update(maxConcurrentRollouts=2))
    for name in names:
        gitops.add(name, commit=False)
    gitops.type("commit", "-m", "all")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        for name in names:
            testbed.api.wait(deployment_path(gitops.namespace, name), is_rolled_out)
        image = {"image": "registry.internal/serve/vllm:fate-slow-load-after-1s", "server": "vllm"}
        gitops.edit_environment(lambda spec: spec["images"]["GENERATION"].update(cpu=image))
        most = 0
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = testbed.api.items(f"/apis/apps/v1/namespaces/{gitops.namespace}/deployments")
            rolling = [item for item in found if not is_rolled_out(item)]
            most = max(most, len(rolling))
            done = [item for item in found if "fate-slow" in json.dumps(item["spec"]) and is_rolled_out(item)]
            if len(done) == 6:
                break
            time.sleep(0.05)
        assert most == 2
        running.wait_applied(gitops.tip)


def test_a_suspended_endpoint_is_left_alone_until_it_is_resumed(gitops: GitOps, opening: Open) -> None:
    """Commits go on; they are applied afterwards."""
    gitops.add("chat")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        gitops.type("suspend", "test/chat")
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: running.logged("held"))
        port = opening("look")
        assert revision_of(port, gitops) == "1"
        gitops.type("resume", "test/chat")
        running.wait_applied(gitops.tip)
        assert revision_of(port, gitops) == "2"


def test_a_suspended_environment_is_left_alone_until_it_is_resumed(gitops: GitOps, opening: Open) -> None:
    """The same for all of it."""
    gitops.add("chat")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        gitops.type("suspend", "--environment", "test")
        gitops.type("redeploy", "test/chat")
        running.wait(lambda: running.logged("held"))
        port = opening("look")
        assert revision_of(port, gitops) == "1"
        gitops.type("resume", "--environment", "test")
        running.wait_applied(gitops.tip)
        assert revision_of(port, gitops) == "2"


def revision_of(port: Port, gitops: GitOps, name: str = "chat") -> str:
    """The revision that the Deployment carries."""
    live = port.read(ObjectRef(DEPLOYMENT, gitops.namespace, name))
    assert live is not None
    return str(live["metadata"]["annotations"]["revstamp.io/revision"])


def test_what_a_person_scales_is_reported_or_undone_at_once(gitops: GitOps, opening: Open, testbed: Cluster) -> None:
    """By the environment's policy, which may change at any time."""
    gitops.add("chat")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        testbed.kubectl("scale", "deployment/chat", "--replicas=3", "-n", gitops.namespace)
        running.wait(lambda: running.logged("changed by hand"))
        assert "scaled by kubectl" in running.logged("changed by hand")[0]["drift"]
        assert testbed.api.get(deployment_path(gitops.namespace, "chat"))["spec"]["replicas"] == 3
        gitops.edit_environment(lambda spec: spec["policies"].update(drift="heal"))
        testbed.api.wait(deployment_path(gitops.namespace, "chat"), lambda it: it["spec"]["replicas"] == 1)
        testbed.kubectl("scale", "deployment/chat", "--replicas=4", "-n", gitops.namespace)
        testbed.api.wait(deployment_path(gitops.namespace, "chat"), lambda it: it["spec"]["replicas"] == 1)


def test_one_of_two_leads_and_the_other_takes_over(gitops: GitOps, opening: Open) -> None:
    """Given back at the end, the lease changes hands at once."""
    gitops.add("chat")
    with reconciling(gitops, opening, identity="one") as one:
        one.wait_applied(gitops.tip)
        with reconciling(gitops, opening, identity="two") as two:
            two.wait(lambda: two.reconciler.loops and two.reconciler.loops["test"].state.state == "standby")
            gitops.type("redeploy", "test/chat")
            one.wait_applied(gitops.tip)
            assert not two.logged("applied")
            one.reconciler.close()
            two.wait(lambda: two.logged("leading"), seconds=20)
            gitops.type("redeploy", "test/chat")
            two.wait_applied(gitops.tip)


def test_readiness_says_what_is_wrong(gitops: GitOps, opening: Open) -> None:
    """An environment whose cluster nobody knows keeps the others going and is named."""
    gitops.add("chat")
    known: list[str] = []

    def connect(name: str) -> Port:
        from generator.errors import ClusterNotConfigured

        known.append(name)
        if name != "testbed":
            raise ClusterNotConfigured(f"no cluster is called {name}")
        return opening(name)

    with reconciling(gitops, connect) as running:
        running.wait_applied(gitops.tip)
        assert running.reconciler.readiness()["ready"]
        source = gitops.root / "environments" / "test" / "environment.yaml"
        other = gitops.root / "environments" / "lost" / "environment.yaml"
        other.parent.mkdir()
        text = source.read_text().replace("name: test", "name: lost").replace("cluster: testbed", "cluster: nowhere")
        other.write_text(text)
        gitops.type("commit", "-m", "another")
        running.wait(lambda: not running.reconciler.readiness()["ready"])
        state: dict[str, Any] = running.reconciler.readiness()
        running.wait(lambda: running.reconciler.readiness()["environments"]["lost"]["state"] == "failing")
        state = running.reconciler.readiness()
        assert "nowhere" in state["environments"]["lost"]["error"]
        gitops.type("redeploy", "test/chat")
        running.wait_applied(gitops.tip)


def test_a_remote_that_is_away_is_survived_and_said(gitops: GitOps, opening: Open, tmp_path: Path) -> None:
    """The bare remote is moved away and back."""
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", str(remote))
    git(gitops.root, "remote", "add", "origin", str(remote))
    git(gitops.root, "push", "-q", "-u", "origin", "main")
    gitops.add("chat")
    with reconciling(gitops, opening) as running:
        running.wait_applied(gitops.tip)
        remote.rename(tmp_path / "away.git")
        running.wait(lambda: running.source.state.failures >= 3)
        assert running.source.state.failing_since is not None
        (tmp_path / "away.git").rename(remote)
        gitops.type("redeploy", "test/chat")
        running.source.nudge()
        running.wait_applied(gitops.tip)
        assert running.source.state.failing_since is None


def test_an_environment_that_moves_to_another_namespace_is_followed(
    gitops: GitOps, opening: Open, testbed: Cluster
) -> None:
    """Objects come in the new one; those in the old one stay, for nobody said that they should go."""
    gitops.add("chat")
    other = f"{gitops.namespace}-b"
    testbed.kubectl("create", "namespace", other)
    try:
        with reconciling(gitops, opening) as running:
            running.wait_applied(gitops.tip)
            gitops.edit_environment(lambda spec: spec.update(namespace=other))
            port = opening("look")
            running.wait(lambda: port.read(ObjectRef(DEPLOYMENT, other, "chat")) is not None)
            assert port.read(ObjectRef(DEPLOYMENT, gitops.namespace, "chat")) is not None
    finally:
        testbed.kubectl("delete", "namespace", other, "--wait=false")


def test_it_stays_calm_when_nothing_happens(gitops: GitOps, opening: Open) -> None:
    """A full pass over what is in sync writes nothing."""
    gitops.add("chat")
    with reconciling(gitops, opening, full_pass_seconds=0.3) as running:
        running.wait_applied(gitops.tip)
        port = opening("look")
        ref = ObjectRef(DEPLOYMENT, gitops.namespace, "chat")
        running.wait(lambda: (port.read(ref) or {}).get("status", {}).get("availableReplicas") == 1)
        before = written(running)
        seen = port.read(ref)
        time.sleep(1.5)
        assert written(running) == before
        assert port.read(ref) == seen


def written(running: Running) -> int:
    """How often something was written."""
    return len(running.logged("applied"))
