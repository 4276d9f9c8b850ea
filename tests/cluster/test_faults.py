"""The faults that tests put between a client and the real API server are met by real clients."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.testbed.api_faults import DropAnswer, Match, conflict, internal_error, too_many_requests
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Object

pytestmark = pytest.mark.cluster

MAPS = "/api/v1/namespaces/*/configmaps*"


class Kubectl:
    """kubectl that talks to the API server through a proxy."""

    def __init__(self, program: str, kubeconfig: Path) -> None:
        self._command = [program, "--kubeconfig", str(kubeconfig)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """How it ended, and what it said."""
        return subprocess.run([*self._command, *words], capture_output=True, text=True)


@pytest.fixture
def proxy(testbed: Cluster, start_fault_proxy: Callable[[Path], FaultProxy]) -> FaultProxy:
    """Between this test and the run's cluster."""
    return start_fault_proxy(testbed.kubeconfig)


@pytest.fixture
def kubectl(testbed: Cluster, proxy: FaultProxy, tmp_path: Path) -> Kubectl:
    """Through the proxy."""
    return Kubectl(testbed.kubectl_program, proxy.write_kubeconfig(tmp_path / "kubeconfig"))


def _make_map(testbed: Cluster, namespace: str) -> Object:
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": namespace}}
    return testbed.api.create({**thing, "data": {"a": "1"}})


def test_a_busy_server_is_asked_again(testbed: Cluster, proxy: FaultProxy, kubectl: Kubectl, namespace: str) -> None:
    """429 with Retry-After: the client comes back, and the server never saw the first request."""
    _make_map(testbed, namespace)
    planned = proxy.next(Match("GET", MAPS), too_many_requests(1))
    done = kubectl.run("-n", namespace, "get", "configmap", "one", "-o", "name")
    assert (done.returncode, done.stdout) == (0, "configmap/one\n"), done.stderr
    planned.wait_until_met()


@pytest.mark.parametrize(("fault", "word"), [(conflict(), "Conflict"), (internal_error(), "InternalError")])
def test_a_refusal_reaches_the_client_and_changes_nothing(
    testbed: Cluster, proxy: FaultProxy, kubectl: Kubectl, namespace: str, fault: object, word: str
) -> None:
    """409 and 500."""
    before = _make_map(testbed, namespace)
    proxy.next(Match("PATCH", MAPS), fault, times=None)
    done = kubectl.run("-n", namespace, "patch", "configmap", "one", "-p", '{"data": {"a": "2"}}')
    assert done.returncode != 0
    assert word in done.stderr
    after = testbed.api.get(f"/api/v1/namespaces/{namespace}/configmaps/one")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_an_answer_that_breaks_off_was_carried_out_all_the_same(
    testbed: Cluster, proxy: FaultProxy, kubectl: Kubectl, namespace: str
) -> None:
    """What a client must reckon with: it does not know, and the server has done it."""
    _make_map(testbed, namespace)
    proxy.next(Match("PATCH", MAPS), DropAnswer(10))
    done = kubectl.run("-n", namespace, "patch", "configmap", "one", "-p", '{"data": {"a": "2"}}')
    assert done.returncode != 0
    assert testbed.api.get(f"/api/v1/namespaces/{namespace}/configmaps/one")["data"] == {"a": "2"}


def test_a_watch_that_is_cut_is_taken_up_again(
    testbed: Cluster, proxy: FaultProxy, kubectl: Kubectl, namespace: str
) -> None:
    """kubectl waits for a condition by a watch; it is cut, and the event that comes afterwards is seen."""
    _make_map(testbed, namespace)
    words = ["wait", "configmap/one", "--for=jsonpath={.data.a}=2", "--timeout=60s"]
    with subprocess.Popen([*kubectl._command, "-n", namespace, *words], stdout=subprocess.PIPE, text=True) as waiting:
        watches = Match(path=MAPS, watch=True)
        proxy.wait_for_watch(watches)
        assert proxy.cut_watches(watches) == 1
        testbed.api.patch(f"/api/v1/namespaces/{namespace}/configmaps/one", {"data": {"a": "2"}})
        said, _ = waiting.communicate()
    assert (waiting.returncode, said) == (0, "configmap/one condition met\n")
