"""Applying a fleet, and one change in it, on the API server of the testbed.

Against `kubectl apply --server-side -R` over the same files: the first apply, and one where nothing has changed. Then
one changed endpoint among many, from the moved branch to the applied object and from the last ready pod to the verdict;
and the memory of `revstamp reconcile`.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from generator.cluster.kinds import DEPLOYMENT, POD
from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from generator.service.commit import Author
from generator.service.operations import PatchOperation
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.bench.cluster_fleet import make_fleet, move_to, name_of
from tests.bench.harness import Bench, Row, benchmark, median, percentile, revstamp_command, seconds, tell
from tests.cluster.gitops import GitOps, Running, reconciling
from tests.testbed.cluster.hold import hold_cluster
from tests.testbed.cluster.spec import ClusterSpec
from tests.testbed.errors import Missing
from tests.testbed.kube.api import Api
from tests.testbed.settings import SETTINGS

REVISION = "revstamp.io/revision"


@benchmark("reconcile")
def measure(bench: Bench) -> Iterator[Row]:
    """All rows; none where the testbed is not built."""
    try:
        yield from _tell_each(_measure_all(bench))
    except Missing as error:
        bench.note(f"reconcile: not measured, {error}")


def _tell_each(rows: Iterator[Row]) -> Iterator[Row]:
    """Each row is told as soon as it is known: a later one may fail after minutes."""
    for row in rows:
        tell(f"reconcile: {row.name}: {row.value} {row.unit} (peer {row.peer_value}, {row.ratio})")
        yield row


def _measure_all(bench: Bench) -> Iterator[Row]:
    with hold_cluster(SETTINGS, ClusterSpec(), "bench") as cluster:
        kubeconfig, kubectl = Path(cluster.kubeconfig), cluster.kubectl
        for count in dict.fromkeys((bench.pick(full=200, quick=20, tiny=2), bench.pick(full=1000, quick=40, tiny=2))):
            yield from _compare_applies(bench, kubeconfig, kubectl, count)
        yield from _measure_one_change(bench, kubeconfig, bench.pick(full=1000, quick=40, tiny=2))
        for count in dict.fromkeys((bench.pick(full=1000, quick=40, tiny=2), bench.pick(full=5000, quick=40, tiny=2))):
            yield _measure_memory(bench, kubeconfig, count)


def _namespace(kubeconfig: Path, name: str) -> str:
    api = Api(kubeconfig)
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def _keep_pods_away(kubeconfig: Path, namespace: str) -> None:
    """So that the API server is measured and not, in turns, what controllers, scheduler and kubelets do besides."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-pods", "namespace": namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    api = Api(kubeconfig)
    api.create(quota)
    api.wait(f"/api/v1/namespaces/{namespace}/resourcequotas/no-pods", lambda it: "hard" in it.get("status", {}))


def _settle(kubeconfig: Path, namespace: str) -> None:
    """Wait until the controllers have nothing more to do for the Deployments of a namespace."""
    port = open_cluster("bench", kubeconfig=str(kubeconfig))
    end = time.monotonic() + 900
    try:
        while any(
            (item.get("status") or {}).get("availableReplicas", 0) < item["spec"].get("replicas", 1)
            for item in port.list(DEPLOYMENT, namespace)
        ):
            assert time.monotonic() < end, "the pods of the benchmark do not become ready"
            time.sleep(0.5)
    finally:
        port.close()


def _remove(kubeconfig: Path, namespace: str) -> None:
    """Take a namespace away and wait until it is gone: its pods would be in the way of the next measurement."""
    api = Api(kubeconfig)
    api.delete(f"/api/v1/namespaces/{namespace}")
    api.wait_gone(f"/api/v1/namespaces/{namespace}", 900)


def _compare_applies(bench: Bench, kubeconfig: Path, kubectl: str, count: int) -> Iterator[Row]:
    tell(f"reconcile: {count} endpoints, first and unchanged")
    root = bench.scratch / f"fleet-{count}"
    gitops = make_fleet(root, _namespace(kubeconfig, f"bench-{count}-a"), count)
    apply = [*revstamp_command(), "-C", str(root), "apply", "-e", "test", "--kubeconfig", str(kubeconfig)]
    _keep_pods_away(kubeconfig, gitops.namespace)
    ours = {"first": seconds(lambda: _run(apply))}
    ours["unchanged"] = seconds(lambda: _run(apply))
    _remove(kubeconfig, gitops.namespace)
    move_to(gitops, _namespace(kubeconfig, f"bench-{count}-b"))
    manifests = str(root / "environments" / "test" / "manifests")
    words = [kubectl, "--kubeconfig", str(kubeconfig), "apply", "--server-side", "-R", "-f", manifests]
    _keep_pods_away(kubeconfig, gitops.namespace)
    peer = {"first": seconds(lambda: _run(words))}
    peer["unchanged"] = seconds(lambda: _run(words))
    _remove(kubeconfig, gitops.namespace)
    for what, goal in (("first", 6.0), ("unchanged", 10.0)):
        ratio = round(peer[what] / ours[what], 1)
        yield Row(
            f"apply {count} endpoints, {what}",
            round(ours[what] * 1000 / count, 2),
            "ms/endpoint",
            "kubectl apply --server-side -R",
            round(peer[what] * 1000 / count, 2),
            ratio,
            f">= {goal:g}x",
            ratio >= goal,
        )


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


class Observer:
    """Notes when a Deployment carries a revision, and when its newest pods are ready: seen from outside."""

    def __init__(self, port: Port, namespace: str) -> None:
        self._port, self._namespace, self._stop = port, namespace, threading.Event()
        self.applied: dict[tuple[str, str], float] = {}
        self.ready: dict[tuple[str, str], float] = {}
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in (DEPLOYMENT, POD)]
        for thread in self._threads:
            thread.start()

    def _follow(self, kind: Any) -> None:
        for event in self._port.watch(kind, self._namespace, self._stop, "revstamp.io/endpoint"):
            if not event.body:
                continue
            now, metadata = time.monotonic(), event.body["metadata"]
            key = (metadata["labels"]["revstamp.io/endpoint"], (metadata.get("annotations") or {}).get(REVISION, ""))
            if kind == DEPLOYMENT:
                self.applied.setdefault(key, now)
            elif any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in (event.body.get("status") or {}).get("conditions") or ()
            ):
                self.ready.setdefault(key, now)

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


@contextmanager
def _watched(kubeconfig: Path, gitops: GitOps) -> Iterator[tuple[Running, Observer]]:
    ports = [open_cluster("testbed", kubeconfig=str(kubeconfig), connections=12) for _ in range(2)]
    observer = Observer(ports[0], gitops.namespace)
    try:
        with reconciling(gitops, lambda _: ports[1], poll=30.0) as running:
            running.wait_applied(gitops.tip)
            yield running, observer
    finally:
        observer.close()
        for port in ports:
            port.close()


def _measure_one_change(bench: Bench, kubeconfig: Path, count: int) -> Iterator[Row]:
    tell(f"reconcile: one change among {count} endpoints")
    rounds = bench.pick(full=60, quick=5, tiny=1)
    gitops = make_fleet(bench.scratch / "one", _namespace(kubeconfig, "bench-one"), count, running=rounds)
    workspace = Workspace.open(gitops.root, Settings())
    _run([*revstamp_command(), "-C", str(gitops.root), "apply", "-e", "test", "--kubeconfig", str(kubeconfig)])
    with _watched(kubeconfig, gitops) as (running, observer):
        _settle(kubeconfig, gitops.namespace)
        applied, verdicts = [], []
        for number in range(rounds):
            name = name_of(number)
            done = workspace.commit_operation(PatchOperation(f"test/{name}", restart=True), Author(f"bench-{number}"))
            assert done.plan is not None
            assert done.plan.stamp is not None
            key = (name, str(done.plan.stamp.revision))
            pushed = time.monotonic()
            running.source.nudge()
            applied.append(_await(lambda key=key: observer.applied.get(key)) - pushed)  # type: ignore[misc]
            verdict = _await(lambda name=name, key=key: _healthy_at(running, name, key[1]))  # type: ignore[misc]
            verdicts.append(verdict - _await(lambda key=key: observer.ready.get(key)))  # type: ignore[misc]
    _remove(kubeconfig, gitops.namespace)
    for name, values, share, goal in (
        ("push to applied, median", applied, 0.5, 100),
        ("push to applied, p99", applied, 0.99, 300),
        ("last pod ready to verdict, p99", verdicts, 0.99, 200),
    ):
        value = (median(values) if share == 0.5 else percentile(values, share)) * 1000
        yield Row(f"one of {count}: {name}", round(value, 1), "ms", goal=f"<= {goal} ms", goal_met=value <= goal)


def _await(look: Any, limit: float = 60.0) -> float:
    end = time.monotonic() + limit
    while (found := look()) is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
    return float(found)


def _healthy_at(running: Running, name: str, revision: str) -> float | None:
    """Now, where the tracker's verdict on this revision is healthy."""
    loop = running.reconciler.loops.get("test")
    status = loop.term.tracker.status(name) if loop is not None and loop.term is not None else None
    good = status is not None and str(status.expectation.revision) == revision and status.verdict.value == "healthy"
    return time.monotonic() if good else None


def _measure_memory(bench: Bench, kubeconfig: Path, count: int) -> Row:
    """Of `revstamp reconcile` once everything is applied and some seconds have passed."""
    tell(f"reconcile: memory with {count} endpoints")
    root = bench.scratch / f"memory-{count}"
    gitops = make_fleet(root, _namespace(kubeconfig, f"bench-memory-{count}"), count, running=0)
    words = [*revstamp_command(), "-C", str(root), "reconcile", "--kubeconfig", str(kubeconfig), "--output", "json"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    port = open_cluster("bench", kubeconfig=str(kubeconfig))
    try:
        _await(lambda: _recorded(port, gitops), 1800)
        time.sleep(3)
        peak = _resident(process.pid)
    finally:
        port.close()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return Row(f"memory of the reconciler, {count} endpoints", peak, "MiB", goal="<= 200 MiB", goal_met=peak <= 200)


def _recorded(port: Port, gitops: GitOps) -> float | None:
    from generator.cluster.record import read_record

    record = read_record(port, "test", gitops.namespace)
    return 1.0 if record is not None and record.commit == gitops.tip and not record.apart else None


def _resident(pid: int) -> float:
    """Resident memory in MiB, the peak of the process's life."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0
