"""One change among many endpoints, from the moved branch to the verdict.

Owns: the reconciler in this process, an observer of its own at the API server, and the times between what both see.
Refuses: the cluster.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from generator.cluster.kinds import DEPLOYMENT, POD, Kind
from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from generator.cluster.port import Happening
from generator.service.commit import Author
from generator.service.operations import PatchOperation
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.bench.cluster_fleet import make_fleet, make_namespace, name_of, remove_namespace
from tests.bench.harness import Bench, Row, median, percentile, tell
from tests.bench.reconcile_apply import apply_command, run_command
from tests.cluster.gitops import GitOps, Running, reconciling
from tests.testbed.workloads import is_rolled_out

REVISION, ENDPOINT = "revstamp.io/revision", "revstamp.io/endpoint"
Found = TypeVar("Found")
Key = tuple[str, str]
"""An endpoint and its revision."""


class Observer:
    """When things were first seen, from outside: by endpoint and revision."""

    def __init__(self, port: Port, namespace: str) -> None:
        self._port, self._namespace, self._stop = port, namespace, threading.Event()
        self.applied: dict[Key, float] = {}
        """A Deployment carries the revision."""
        self.ready: dict[Key, float] = {}
        """A pod of the revision is ready."""
        self.counted: dict[Key, float] = {}
        """The Deployment's status says that only pods of the revision are there."""
        self.left: dict[Key, float] = {}
        """A pod of the revision ends."""
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in (DEPLOYMENT, POD)]
        for thread in self._threads:
            thread.start()

    def _follow(self, kind: Kind) -> None:
        for event in self._port.watch(kind, self._namespace, self._stop, ENDPOINT):
            if event.body:
                note = self._note_deployment if kind == DEPLOYMENT else self._note_pod
                note(event.body, time.monotonic(), event.happening is Happening.GONE)

    def _note_deployment(self, body: Mapping[str, Any], now: float, gone: bool) -> None:
        key = _key_of(body)
        self.applied.setdefault(key, now)
        if not gone and is_rolled_out(dict(body)):
            self.counted.setdefault(key, now)

    def _note_pod(self, body: Mapping[str, Any], now: float, gone: bool) -> None:
        key, status = _key_of(body), body.get("status") or {}
        if gone or body["metadata"].get("deletionTimestamp"):
            self.left.setdefault(key, now)
        elif any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ()):
            self.ready.setdefault(key, now)

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


def _key_of(body: Mapping[str, Any]) -> Key:
    metadata = body["metadata"]
    return metadata["labels"][ENDPOINT], (metadata.get("annotations") or {}).get(REVISION, "")


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


def measure_one_change(bench: Bench, kubeconfig: Path, count: int) -> Iterator[Row]:
    """Restarts of one endpoint after another, each told by a webhook's nudge."""
    tell(f"reconcile: one change among {count} endpoints")
    rounds = bench.pick(full=60, quick=5, tiny=1)
    gitops = make_fleet(bench.scratch / "one", make_namespace(kubeconfig, "bench-one"), count, running=rounds)
    workspace = Workspace.open(gitops.root, Settings())
    run_command(apply_command(gitops.root, kubeconfig))
    with _watched(kubeconfig, gitops) as (running, observer):
        settle(kubeconfig, gitops.namespace)
        times = [_change_one(workspace, running, observer, name_of(number)) for number in range(rounds)]
    remove_namespace(kubeconfig, gitops.namespace)
    applied, verdicts, signs = zip(*times, strict=True)
    for name, values, share, goal in (
        ("push to applied, median", applied, 0.5, 100),
        ("push to applied, p99", applied, 0.99, 300),
        ("last new pod ready to verdict, controllers' part included, p99", verdicts, 0.99, 200),
        ("last sign that the verdict needs to verdict, median", signs, 0.5, None),
        ("last sign that the verdict needs to verdict, p99", signs, 0.99, None),
    ):
        value = (median(values) if share == 0.5 else percentile(values, share)) * 1000
        told = (None, None) if goal is None else (f"<= {goal} ms", value <= goal)
        yield Row(f"one of {count}: {name}", round(value, 1), "ms", goal=told[0], goal_met=told[1])


def _change_one(workspace: Workspace, running: Running, observer: Observer, name: str) -> tuple[float, float, float]:
    """Seconds from the push to the applied Deployment; from the ready pod, and from the last sign, to the verdict.

    The verdict needs that the controllers have counted the new pod and have begun to end the old one.
    """
    author = Author(f"bench-{name}")
    done = workspace.commit_operation(PatchOperation(f"test/{name}", restart=True), author)
    assert done.plan is not None
    assert done.plan.stamp is not None
    revision = done.plan.stamp.revision
    key, before = (name, str(revision)), (name, str(revision - 1))
    pushed = time.monotonic()
    running.source.nudge()
    applied = wait_for(lambda: observer.applied.get(key))
    verdict = wait_for(lambda: _healthy_at(running, name, key[1]))
    ready, counted = wait_for(lambda: observer.ready.get(key)), wait_for(lambda: observer.counted.get(key))
    left = wait_for(lambda: observer.left.get(before))
    return applied - pushed, verdict - ready, max(0.0, verdict - max(ready, counted, left))


def wait_for(look: Callable[[], Found | None], limit: float = 60.0, pause: float = 0.002) -> Found:
    """What it finds, once it finds something; times in seconds."""
    end = time.monotonic() + limit
    while (found := look()) is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(pause)
    return found


def _healthy_at(running: Running, name: str, revision: str) -> float | None:
    """Now, where the tracker's verdict on this revision is healthy."""
    loop = running.reconciler.loops.get("test")
    status = loop.term.tracker.status(name) if loop is not None and loop.term is not None else None
    good = status is not None and str(status.expectation.revision) == revision and status.verdict.value == "healthy"
    return time.monotonic() if good else None


def settle(kubeconfig: Path, namespace: str) -> None:
    """Wait until the controllers have nothing more to do for the Deployments of a namespace."""
    port = open_cluster("bench", kubeconfig=str(kubeconfig))
    try:
        wait_for(lambda: all(map(_has_its_pods, port.list(DEPLOYMENT, namespace))) or None, 900, 0.5)
    finally:
        port.close()


def _has_its_pods(deployment: Mapping[str, Any]) -> bool:
    return bool((deployment.get("status") or {}).get("availableReplicas", 0) >= deployment["spec"].get("replicas", 1))
