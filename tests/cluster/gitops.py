"""A GitOps repository whose environment is a namespace of the testbed, and a reconciler that follows it.

Owns: making both, and waiting for what they do. Refuses: asserting.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from generator.cli.main import run
from generator.cluster.port import Cluster as Port
from generator.reconciler.fence import FencedCluster
from generator.reconciler.log import make_log
from generator.reconciler.metrics import Metrics
from generator.reconciler.reconciler import Reconciler
from generator.reconciler.source import BranchSource
from generator.reconciler.watched_environment import LoopOptions, WatchedEnvironment
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.fleet_repository import CHAT, git, write_endpoint

PATIENCE = 60.0


@dataclass
class GitOps:
    """The repository; its only environment is `test`, in a namespace."""

    root: Path
    namespace: str
    environment: str = "test"

    def type(self, *words: str) -> None:
        """A command that must succeed."""
        assert run(["-C", str(self.root), *words]) == 0, words

    def add(self, name: str, *, commit: bool = True, **changes: Any) -> None:
        """A new endpoint without GPUs; `changes` go into its spec."""
        body = yaml.safe_load(CHAT)
        body["metadata"]["name"] = name
        body["spec"] |= {"route": f"/llm/{name}", "replicas": {"min": 1, "max": 1}, **changes}
        body["spec"]["deployment"] = {"use_gpu": False, **body["spec"].get("deployment", {})}
        body["spec"]["deployment"].pop("resources", None)
        body["spec"].pop("memory", None)
        write_endpoint(self.root, self.environment, name, yaml.safe_dump(body))
        if commit:
            self.type("commit", "-m", f"add {name}")

    def edit_environment(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the environment's file and commit it."""
        path = self.root / "environments" / self.environment / "environment.yaml"
        body = yaml.safe_load(path.read_text())
        change(body["spec"])
        path.write_text(yaml.safe_dump(body))
        self.type("commit", "-m", "environment")

    @property
    def tip(self) -> str:
        """The tip of the branch."""
        return git(self.root, "rev-parse", "main")


def make_gitops(root: Path, namespace: str, cluster: str = "testbed", environment: str = "test") -> GitOps:
    """An empty repository; small budgets, three rollouts at once."""
    assert run(["init", str(root), "--environment", environment]) == 0
    made = GitOps(root, namespace, environment)

    def place(spec: dict[str, Any]) -> None:
        spec |= {"cluster": cluster, "namespace": namespace, "kserve": {"version": "0.17", "mode": "Standard"}}
        spec["policies"] |= {"maxConcurrentRollouts": 3}

    made.edit_environment(place)
    return made


@dataclass
class Running:
    """A reconciler in this process, and the lines it logs."""

    reconciler: Reconciler
    source: BranchSource
    metrics: Metrics
    lines: io.StringIO = field(default_factory=io.StringIO)

    def logged(self, event: str = "") -> list[dict[str, Any]]:
        """The log lines of one kind of event, or all of them."""
        found = [json.loads(line) for line in self.lines.getvalue().splitlines()]
        return [line for line in found if not event or line["event"] == event]

    def wait(self, condition: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
        """Wait for something; the log is shown where it does not come."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what or 'it'} did not happen; log:\n{self.lines.getvalue()}"
            time.sleep(0.02)

    def wait_applied(self, commit: str, environment: str = "test") -> None:
        """Until the cluster's record says that it has this commit, of every endpoint."""

        def is_recorded() -> bool:
            loop = self.reconciler.loops.get(environment)
            record = loop.term.sync.record if loop is not None and loop.term is not None else None
            return record is not None and record.commit == commit and not record.apart

        self.wait(is_recorded, f"commit {commit[:10]} applied")


def term_of(running: Running, environment: str = "test") -> WatchedEnvironment:
    """The term that is under way."""
    term = running.reconciler.loops[environment].term
    assert term is not None
    return term


def keep(cluster: Port) -> Callable[[str], Port]:
    """Opens the cluster so that closing it leaves it there for the next one."""
    return lambda _: FencedCluster(cluster, lambda: True)


@contextmanager
def reconciling(
    gitops: GitOps, open_cluster: Callable[[str], Port], *, poll: float = 0.2, identity: str = "one", **options: Any
) -> Iterator[Running]:
    """A reconciler that follows the repository's branch."""
    workspace = Workspace.open(gitops.root, Settings())
    lines, metrics = io.StringIO(), Metrics()
    log = make_log("json", lines)
    source = BranchSource(workspace.repository, "main", workspace.clone.remote(), poll)
    reconciler = Reconciler(source, open_cluster, identity, metrics, log, LoopOptions(retry_first=0.3, **options))
    reconciler.start()
    running = Running(reconciler, source, metrics, lines)
    try:
        yield running
    finally:
        reconciler.close()
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith(("apply-", "environment-"))]
        assert not left, f"threads are left: {left}"
