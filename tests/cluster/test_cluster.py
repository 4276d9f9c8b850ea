"""The cluster of the tests is a cluster: what starts, what it says of itself, what is left of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.testbed import catalogue
from tests.testbed.cluster.hold import folder_of, hold_cluster
from tests.testbed.cluster.spec import DEFAULT_POOLS, SERVER_ONLY, ClusterSpec, Pool
from tests.testbed.errors import ClusterFailed
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Api
from tests.testbed.settings import SETTINGS
from tests.testbed.workloads import make_deployment

pytestmark = pytest.mark.cluster

_REPOSITORY = Path(__file__).parents[2]


def programs_of(folder: Path) -> list[int]:
    """The processes whose command names the folder; read from /proc, so on Linux only."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_until_gone(folder: Path, seconds: float = 60.0) -> None:
    """Until neither a process nor a file is left."""
    deadline = time.monotonic() + seconds
    while programs_of(folder) or folder.exists():
        assert time.monotonic() < deadline, f"still there: {programs_of(folder)} {list(folder.glob('*'))}"
        time.sleep(0.05)


def test_the_server_says_the_version_that_it_was_built_from(testbed: Cluster) -> None:
    """Not v0.0.0-master, of which kubectl would warn."""
    assert testbed.api.get("/version")["gitVersion"] == catalogue.KUBERNETES.version
    assert "WARNING" not in testbed.kubectl("version")


def test_nodes_have_the_gpus_of_their_pools(testbed: Cluster) -> None:
    """Eight each, with the label that real cards' drivers write."""
    nodes = {node["metadata"]["name"]: node for node in testbed.api.items("/api/v1/nodes")}
    assert len(nodes) == sum(pool.nodes for pool in DEFAULT_POOLS)
    for name, memory in (("a10g-0", "23028"), ("a100-40-0", "40960"), ("h100-80-0", "81559")):
        assert nodes[name]["metadata"]["labels"]["nvidia.com/gpu.memory"] == memory
        assert nodes[name]["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert "nvidia.com/gpu" not in nodes["cpu-0"]["status"]["allocatable"]


def test_who_has_no_role_may_do_nothing(testbed: Cluster, namespace: str) -> None:
    """Roles are on: a service account without one is refused."""
    account = f"system:serviceaccount:{namespace}:default"
    assert testbed.kubectl("auth", "can-i", "list", "pods", "-n", namespace).strip() == "yes"
    with pytest.raises(AssertionError, match="no"):
        testbed.kubectl("auth", "can-i", "list", "pods", "-n", namespace, "--as", account)


def test_a_service_account_gets_a_token_that_the_server_knows(testbed: Cluster, namespace: str) -> None:
    """The key that etcd made signs it."""
    token = testbed.kubectl("create", "token", "default", "-n", namespace).strip()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    assert testbed.api.create(review)["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


def test_two_clusters_run_side_by_side(testbed: Cluster) -> None:
    """A second one has its own server, nodes and files, and its end leaves the first alone."""
    spec = ClusterSpec(pools=(Pool("only", 1, 81559, "NVIDIA-H100-80GB-HBM3"),), kserve="")
    name = f"beside-{os.getpid()}"
    with hold_cluster(SETTINGS, spec, name) as running:
        nodes = Api(Path(running.kubeconfig)).items("/api/v1/nodes")
        assert [node["metadata"]["name"] for node in nodes] == ["only-0"]
    wait_until_gone(folder_of(name))
    assert len(testbed.api.items("/api/v1/nodes")) > 1


def test_a_cluster_may_be_a_server_alone() -> None:
    """Kinds are served and objects kept; there are no nodes and no controllers to tell of them."""
    name = f"server-{os.getpid()}"
    with hold_cluster(SETTINGS, SERVER_ONLY, name) as running:
        api = Api(Path(running.kubeconfig))
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "still"}})
        made = api.apply(make_deployment("still"))
        assert "status" not in made or not made["status"]
        assert not api.items("/api/v1/nodes")
        assert not api.items("/apis/gateway.networking.k8s.io/v1/namespaces/still/httproutes")
        logs = {path.stem for path in (folder_of(name) / "logs").iterdir()}
        assert logs == {"etcd", "apiserver"}
    wait_until_gone(folder_of(name))


def test_a_cluster_is_shared_and_ends_with_its_last_user() -> None:
    """The second to ask joins the first; the first may leave before."""
    name = f"shared-{os.getpid()}"
    spec = ClusterSpec(pools=(Pool("only", 1),), kserve="")
    first, second = hold_cluster(SETTINGS, spec, name), hold_cluster(SETTINGS, spec, name)
    one = first.__enter__()
    assert second.__enter__() == one
    first.__exit__(None, None, None)
    time.sleep(0.5)
    assert Api(Path(one.kubeconfig)).items("/api/v1/nodes")
    second.__exit__(None, None, None)
    wait_until_gone(folder_of(name))


def test_a_cluster_that_cannot_start_says_why(testbed: Cluster, tmp_path: Path) -> None:
    """With the end of the log of the program that failed, and nothing left."""
    (tmp_path / "etcd").write_text("#!/bin/sh\necho no space left >&2\nexit 3\n")
    (tmp_path / "etcd").chmod(0o755)
    name = f"broken-{os.getpid()}"
    with (
        pytest.raises(ClusterFailed, match=r"etcd ended with 3:\nno space left"),
        hold_cluster(replace(SETTINGS, assets=tmp_path), ClusterSpec(kserve=""), name),
    ):
        pass
    wait_until_gone(folder_of(name))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_tests_killed_with_9_leave_nothing_running(testbed: Cluster, tmp_path: Path) -> None:
    """Neither programs nor the keeper nor files are there soon after pytest is killed."""
    name, ready = f"killed-{os.getpid()}", tmp_path / "ready"
    text = f"""
import pathlib, time
from tests.testbed.cluster.hold import hold_cluster
from tests.testbed.cluster.spec import ClusterSpec
from tests.testbed.settings import SETTINGS

def test_that_never_ends():
    with hold_cluster(SETTINGS, ClusterSpec(kserve=""), {name!r}):
        pathlib.Path({str(ready)!r}).touch()
        time.sleep(600)
"""
    (tmp_path / "test_it.py").write_text(text)
    words = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", str(tmp_path / "test_it.py")]
    with subprocess.Popen(words, cwd=_REPOSITORY, env=dict(SETTINGS.environment)) as process:
        deadline = time.monotonic() + 180
        while not ready.exists():
            assert process.poll() is None, "pytest ended by itself"
            assert time.monotonic() < deadline, "the cluster did not come up"
            time.sleep(0.05)
        assert len(programs_of(folder_of(name))) >= 5
        process.send_signal(signal.SIGKILL)
    wait_until_gone(folder_of(name))


def test_what_a_killed_keeper_left_is_removed_by_any_later_start(testbed: Cluster) -> None:
    """Under a name that nobody uses again; what is young, or kept by somebody, stays."""
    left, young = folder_of(f"left-{os.getpid()}"), folder_of(f"young-{os.getpid()}")
    for folder in (left, young):
        folder.mkdir()
        (folder / "alive").touch()
    os.utime(left, (0, 0))
    with hold_cluster(SETTINGS, ClusterSpec(pools=(Pool("only", 1),), kserve=""), f"later-{os.getpid()}"):
        assert not left.exists()
        assert young.exists()
    shutil.rmtree(young)
    assert testbed.kubeconfig.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends the programs on Linux only")
def test_a_keeper_killed_with_9_takes_its_programs_along() -> None:
    """What it leaves of files, the next start removes."""
    name, spec = f"orphan-{os.getpid()}", ClusterSpec(pools=(Pool("only", 1),), kserve="")
    with hold_cluster(SETTINGS, spec, name):
        keepers = [
            pid for pid in programs_of(folder_of(name)) if b"keeper" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(keepers) == 1
        os.kill(keepers[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while programs_of(folder_of(name)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with hold_cluster(SETTINGS, spec, name) as running:
        assert Api(Path(running.kubeconfig)).items("/api/v1/nodes")
    wait_until_gone(folder_of(name))
