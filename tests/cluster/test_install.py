"""What `revstamp install` prints is enough for the reconciler and for an API that reads, and no more than that."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.cli.main import run
from tests.cluster.accounts import kubeconfig_of
from tests.cluster.gitops import GitOps, make_gitops
from tests.fleet_repository import git
from tests.testbed.fixtures.cluster import Cluster

pytestmark = pytest.mark.cluster

PATIENCE = 90.0
RECONCILER, READER = "revstamp-reconciler", "revstamp-api"


@dataclass(frozen=True)
class Installed:
    """An installation: where it is, what was printed, and what it follows."""

    cluster: Cluster
    gitops: GitOps
    home: str
    objects: tuple[dict[str, Any], ...]
    folder: Path

    def kubeconfig(self, account: str) -> Path:
        """A kubeconfig with nothing but a token of the account."""
        return kubeconfig_of(self.cluster, self.home, account, self.folder / f"{account}.kubeconfig")

    def kubectl(self, account: str, *words: str) -> subprocess.CompletedProcess[str]:
        """kubectl as the account."""
        command = [self.cluster.kubectl_program, "--kubeconfig", str(self.kubeconfig(account)), *words]
        return subprocess.run(command, capture_output=True, text=True)

    def push(self) -> str:
        """Push what was committed; the tip."""
        git(self.gitops.root, "push", "--quiet", "origin", "main")
        return self.gitops.tip

    @property
    def record(self) -> dict[str, str]:
        """The cluster's record of what was applied; empty where there is none yet."""
        path = f"/api/v1/namespaces/{self.gitops.namespace}/configmaps/revstamp-applied-test"
        found = self.cluster.api.find(path)
        return dict(found["data"]) if found else {}


@pytest.fixture
def home(testbed: Cluster) -> Iterator[str]:
    """The namespace that the reconciler is installed in."""
    name = f"test-{secrets.token_hex(5)}-system"
    testbed.kubectl("create", "namespace", name)
    yield name
    testbed.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def installed(
    testbed: Cluster, namespace: str, home: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Installed:
    """A GitOps repository with a remote, and what `install` prints for it, applied by kubectl."""
    gitops = make_gitops(tmp_path / "gitops", namespace)
    gitops.edit_environment(lambda spec: spec["policies"].update(drift="heal"))
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(gitops.root, "remote", "add", "origin", remote.as_uri())
    git(gitops.root, "push", "--quiet", "--set-upstream", "origin", "main")
    capsys.readouterr()
    assert run(["-C", str(gitops.root), "install", "--export", "-e", "test", "--namespace", home]) == 0
    text = capsys.readouterr().out
    testbed.kubectl("apply", "-f", "-", given=text)
    return Installed(testbed, gitops, home, tuple(yaml.safe_load_all(text)), tmp_path)


@dataclass
class Process:
    """The reconciler as a process, with its log and its HTTP face."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """What it has logged."""
        found = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]
        return [line for line in found if not event or line["event"] == event]

    def get(self, path: str) -> tuple[int, str]:
        """An answer of its HTTP face; status 0 while it does not listen."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something; the log is shown where it does not come."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() >= end:
                pytest.fail(f"{what} did not happen:\n{self.log.read_text()}")
            time.sleep(0.1)


@contextmanager
def run_as_installed(installed: Installed) -> Iterator[Process]:
    """The container's own arguments in a process, with the account's token, and the folder and port of this machine."""
    deployment = next(body for body in installed.objects if body["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"--mirror": str(installed.folder / "mirror"), "--listen": f"127.0.0.1:{port}"}
    arguments = [f"{name}={own.get(name, value)}" if value else name for name, value in map(_split, container["args"])]
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("REVSTAMP_", "KUBE"))}
    environment["REVSTAMP_CLUSTERS"] = f"testbed={installed.kubeconfig(RECONCILER)}"
    log = installed.folder / "reconciler.log"
    command = [sys.executable, "-m", "generator.cli.main", *arguments, "--poll", "0.3"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    running = Process(process, log, port)
    try:
        yield running
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _split(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition("=")
    return name, value


def test_with_the_printed_rights_the_reconciler_applies_prunes_heals_and_watches(installed: Installed) -> None:
    """Deployment, InferenceService, autoscaler, route: nothing of it is forbidden."""
    gitops, namespace, api = installed.gitops, installed.gitops.namespace, installed.cluster.api
    scaling = {"replicas": {"min": 2, "max": 3}, "autoscaling": {"cpuUtilization": 80}}
    gitops.add("chat", replicas={"min": 2, "max": 2})
    gitops.add("search", framework="kserve")
    gitops.add("scaled", cpu={"request": "1", "limit": "2"}, **scaling)
    tip = installed.push()
    with run_as_installed(installed) as running:
        running.wait(lambda: installed.record == {"commit": tip, "endpoints": "{}"}, "the first commit")
        running.wait(lambda: running.get("/readyz")[0] == 200, "readiness")
        running.wait(lambda: {"chat", "search", "scaled"} <= healthy(running), "three healthy rollouts")

        scale_by_hand(installed, "chat", 4)
        chat = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
        running.wait(lambda: api.get(chat)["spec"]["replicas"] == 2, "healing")
        running.wait(lambda: running.lines("changed by hand"), "a word about it")

        gitops.type("scale", "test/scaled", "--replicas", "2")
        gitops.type("delete", "test/search", "--yes")
        gitops.type("redeploy", "test/chat")
        tip = gitops.tip
        running.wait(lambda: installed.record == {"commit": tip, "endpoints": "{}"}, "the next commits")
        service = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/search"
        running.wait(lambda: api.find(service) is None, "the InferenceService is gone")
        assert api.find(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/scaled-hpa") is None
        running.wait(
            lambda: any(line["revision"] == 2 and line["verdict"] == "healthy" for line in running.lines("rollout")),
            "the redeployed endpoint",
        )
        metrics = running.get("/metrics")[1]
        assert 'revstamp_leading{environment="test"} 1.0' in metrics
        assert "cluster-forbidden" not in metrics
    assert "forbidden" not in running.log.read_text().lower()
    lease = api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/revstamp-test")
    assert not lease["spec"].get("holderIdentity")


def healthy(running: Process) -> set[str]:
    """Endpoints that were said to be healthy."""
    return {line["endpoint"] for line in running.lines("rollout") if line["verdict"] == "healthy"}


def scale_by_hand(installed: Installed, name: str, replicas: int) -> None:
    """A person with other rights scales a Deployment."""
    words = ("scale", f"deployment/{name}", f"--replicas={replicas}", "-n", installed.gitops.namespace)
    installed.cluster.kubectl(*words)


@pytest.mark.parametrize("account", [RECONCILER, READER])
def test_neither_account_sees_secrets_other_namespaces_or_rights(installed: Installed, account: str) -> None:
    """Each refusal is the API server's."""
    namespace = installed.gitops.namespace
    installed.cluster.kubectl("create", "secret", "generic", "weights", "-n", namespace, "--from-literal=key=x")
    installed.cluster.kubectl("create", "configmap", "theirs", "-n", namespace, "--from-literal=key=x")
    allowed = installed.kubectl(account, "get", "deployments,pods", "-n", namespace)
    assert allowed.returncode == 0, allowed.stderr
    for words in (
        ("get", "secrets", "-n", namespace),
        ("get", "secret", "weights", "-n", namespace),
        ("get", "configmap", "theirs", "-n", namespace),
        ("get", "configmaps", "-n", namespace),
        ("patch", "configmap", "theirs", "-n", namespace, "-p", '{"data":{"key":"y"}}'),
        ("get", "deployments", "-n", "default"),
        ("get", "deployments", "-n", installed.home),
        ("get", "pods", "--all-namespaces"),
        ("get", "nodes"),
        ("get", "namespace", namespace),
        ("delete", "namespace", namespace),
        ("delete", "pod", "chat-1", "-n", namespace),
        ("create", "rolebinding", "more", "-n", namespace, "--role=more", "--group=all"),
        ("get", "roles", "-n", namespace),
        ("create", "token", account, "-n", installed.home),
    ):
        refused = installed.kubectl(account, *words)
        assert refused.returncode != 0, words
        assert "forbidden" in refused.stderr.lower(), (words, refused.stderr)


def test_the_api_account_reads_what_it_tells_and_writes_nothing(
    installed: Installed, capsys: pytest.CaptureFixture[str]
) -> None:
    """`status` and `watch` work with its token; an apply is refused, and nothing is there afterwards."""
    gitops, namespace = installed.gitops, installed.gitops.namespace
    gitops.add("chat")
    admin = ["--kubeconfig", str(installed.cluster.kubeconfig)]
    assert run(["-C", str(gitops.root), "apply", "test/chat", "--wait", "--timeout", "60", *admin]) == 0
    reader = ["--kubeconfig", str(installed.kubeconfig(READER))]
    capsys.readouterr()
    assert run(["-C", str(gitops.root), "status", "test/chat", *reader, "--output", "json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["applied"]["apart"] == {"chat": gitops.tip}
    assert status["endpoints"][0]["rollout"]["verdict"] == "healthy"
    assert run(["-C", str(gitops.root), "watch", "test/chat", "--timeout", "30", *reader]) == 0

    gitops.add("search")
    capsys.readouterr()
    assert run(["-C", str(gitops.root), "apply", "test/search", *reader, "--output", "json"]) in (8, 9)
    assert "cluster-forbidden" in "".join(capsys.readouterr())
    assert installed.cluster.api.find(f"/apis/apps/v1/namespaces/{namespace}/deployments/search") is None
    assert "forbidden" in installed.kubectl(READER, "delete", "deployment", "chat", "-n", namespace).stderr.lower()
    installed.cluster.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat")


def test_what_is_printed_is_taken_by_the_api_server_as_it_stands(installed: Installed) -> None:
    """Applied twice nothing changes, and its pods start."""
    kinds = sorted(body["kind"] for body in installed.objects)
    assert kinds == ["Deployment", "Role", "Role", "RoleBinding", "RoleBinding", "Service", *["ServiceAccount"] * 2]
    text = "---\n".join(yaml.safe_dump(body) for body in installed.objects)
    again = installed.cluster.kubectl("apply", "-f", "-", given=text)
    assert {line.rsplit(" ", 1)[1] for line in again.splitlines()} == {"unchanged"}
    path = f"/apis/apps/v1/namespaces/{installed.home}/deployments/{RECONCILER}"
    installed.cluster.api.wait(path, lambda it: it.get("status", {}).get("readyReplicas") == 2)


def test_the_reconcilers_account_cannot_lead_another_environment(installed: Installed) -> None:
    """Its Lease and record are named: another environment's in the same namespace is not its own."""
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    metadata = {"name": "revstamp-other", "namespace": installed.gitops.namespace}
    installed.cluster.api.create({**lease, "metadata": metadata, "spec": {"holderIdentity": "other"}})
    refused = installed.kubectl(
        RECONCILER, "patch", "lease", "revstamp-other", "-n", installed.gitops.namespace, "-p", '{"spec":{}}'
    )
    assert "forbidden" in refused.stderr.lower()
