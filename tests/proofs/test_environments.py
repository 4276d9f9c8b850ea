"""Environments in several clusters: one cluster that is away does not touch the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from generator.cluster.kinds import DEPLOYMENT, ObjectRef
from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from tests.cluster.gitops import GitOps, Running, reconciling
from tests.fleet_repository import CHAT, commit_by_hand, git, write_endpoint
from tests.testbed.api_faults import DropRequest, EndWatch, Match
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster

pytestmark = pytest.mark.cluster

PROMPT = 15.0
"""Seconds; a call to a cluster that is away is tried again for 30, and whoever waits for it takes as long."""


@pytest.fixture
def elsewhere(testbed: Cluster, namespace: str) -> Iterator[str]:
    """The namespace of the other environment."""
    name = f"{namespace}-b"
    testbed.kubectl("create", "namespace", name)
    yield name
    testbed.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def proxy(testbed: Cluster, start_fault_proxy: Callable[[Path], FaultProxy]) -> FaultProxy:
    """The way to the other environment's cluster."""
    return start_fault_proxy(testbed.kubeconfig)


@pytest.fixture
def connect(testbed: Cluster, proxy: FaultProxy, tmp_path: Path) -> Iterator[Callable[[str], Port]]:
    """Two clusters by their names: the second one through the proxy."""
    ways = {"testbed": testbed.kubeconfig, "far": proxy.write_kubeconfig(tmp_path / "far")}
    opened: list[Port] = []

    def open_by_name(name: str) -> Port:
        opened.append(open_cluster(name, kubeconfig=str(ways[name]), connections=12))
        return opened[-1]

    yield open_by_name
    for port in opened:
        port.close()


def add_environment(gitops: GitOps, namespace: str) -> None:
    """A second environment, `other`, in a cluster called `far`, with an endpoint of its own."""
    source = gitops.root / "environments" / "test" / "environment.yaml"
    body = yaml.safe_load(source.read_text())
    body["metadata"]["name"] = "other"
    body["spec"] |= {"cluster": "far", "namespace": namespace}
    target = gitops.root / "environments" / "other" / "environment.yaml"
    target.parent.mkdir()
    target.write_text(yaml.safe_dump(body))
    endpoint = yaml.safe_load(CHAT)
    endpoint["spec"] |= {"replicas": {"min": 1, "max": 1}, "deployment": {"use_gpu": False}}
    endpoint["spec"].pop("memory")
    write_endpoint(gitops.root, "other", "chat", yaml.safe_dump(endpoint))
    gitops.type("commit", "-m", "another environment")


def take_away(proxy: FaultProxy) -> None:
    """Nothing goes through any more."""
    proxy.next(Match(), DropRequest(), times=None)
    proxy.cut_watches(how=EndWatch(broken=True))


def redeploy_here(running: Running, gitops: GitOps) -> float:
    """A redeploy of the environment whose cluster is there; seconds until it is applied."""
    gitops.type("redeploy", "test/chat")
    began = time.monotonic()
    running.wait_applied(gitops.tip)
    return time.monotonic() - began


def test_a_cluster_that_is_away_holds_up_no_other_environment(
    gitops: GitOps, elsewhere: str, proxy: FaultProxy, connect: Callable[[str], Port], testbed: Cluster
) -> None:
    """It is named, and what was committed meanwhile is applied when it is back."""
    gitops.add("chat")
    add_environment(gitops, elsewhere)
    with reconciling(gitops, connect, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        running.wait_applied(gitops.tip, "other")
        take_away(proxy)
        assert redeploy_here(running, gitops) < PROMPT
        gitops.type("redeploy", "other/chat")
        running.wait(lambda: running.reconciler.readiness()["environments"]["other"]["state"] == "failing", seconds=30)
        assert redeploy_here(running, gitops) < PROMPT
        state = running.reconciler.readiness()
        assert not state["ready"]
        assert state["environments"]["test"]["state"] == "leading"
        proxy.clear()
        running.wait_applied(gitops.tip, "other")
        running.wait(lambda: running.reconciler.readiness()["ready"])
        live = connect("testbed").read(ObjectRef(DEPLOYMENT, elsewhere, "chat"))
        assert live is not None
        assert live["metadata"]["annotations"]["revstamp.io/revision"] == "2"


def test_an_environment_that_goes_while_its_cluster_is_away_holds_up_no_other(
    gitops: GitOps,
    elsewhere: str,
    proxy: FaultProxy,
    connect: Callable[[str], Port],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its objects stay where they are; the others do not wait until its threads have ended, however long that takes."""
    may_end = threading.Event()
    gitops.add("chat")
    add_environment(gitops, elsewhere)
    with reconciling(gitops, connect, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        running.wait_applied(gitops.tip, "other")
        take_away(proxy)
        loop = running.reconciler.loops["other"]
        close = loop.close
        monkeypatch.setattr(loop, "close", lambda: (may_end.wait(2 * PROMPT), close()))
        git(gitops.root, "rm", "-rq", "environments/other")
        commit_by_hand(gitops.root, "the other one goes")
        assert redeploy_here(running, gitops) < PROMPT
        assert list(running.reconciler.loops) == ["test"]
        assert running.reconciler.readiness()["ready"]
        assert connect("testbed").read(ObjectRef(DEPLOYMENT, elsewhere, "chat")) is not None
        may_end.set()
        proxy.clear()


def leads(running: Running) -> bool:
    """Whether this one works on the environment."""
    loop = running.reconciler.loops.get("test")
    return loop is not None and loop.state.state == "leading"


def test_a_standby_follows_an_environment_that_moves_to_another_namespace(
    gitops: GitOps, elsewhere: str, connect: Callable[[str], Port], testbed: Cluster
) -> None:
    """Nobody works on the new namespace under the lease of the old one, or two would at once."""
    gitops.add("chat")
    with reconciling(gitops, connect, poll=0.1, identity="one") as one:
        one.wait_applied(gitops.tip)
        with reconciling(gitops, connect, poll=0.1, identity="two") as two:
            two.wait(lambda: two.reconciler.loops and two.reconciler.loops["test"].state.state == "standby")
            gitops.edit_environment(lambda spec: spec.update(namespace=elsewhere))
            path = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/revstamp-test"
            testbed.api.wait(path.format(elsewhere), lambda it: it["spec"].get("holderIdentity"))
            testbed.api.wait(path.format(gitops.namespace), lambda it: not it["spec"].get("holderIdentity"))
            one.wait(lambda: leads(one) != leads(two), "one of them leads")
            first, second = (one, two) if leads(one) else (two, one)
            first.wait_applied(gitops.tip)
            first.reconciler.close()
            second.wait(lambda: leads(second), "the other one leads")
            gitops.type("redeploy", "test/chat")
            second.wait_applied(gitops.tip)
            live = connect("testbed").read(ObjectRef(DEPLOYMENT, elsewhere, "chat"))
            assert live is not None
            assert live["metadata"]["annotations"]["revstamp.io/revision"] == "3"
