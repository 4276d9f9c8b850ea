"""The reconciler: a branch, its environments, their clusters.

Owns: one loop per environment of the tip, clusters by name, what is ready. Refuses: everything that a loop does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from generator.cluster.port import Cluster
from generator.errors import RevstampError
from generator.gitops.snapshot import Snapshot
from generator.reconciler.environment_loop import EnvironmentLoop
from generator.reconciler.metrics import Metrics
from generator.reconciler.source import BranchSource
from generator.reconciler.watched_environment import LoopOptions
from generator.service.committed_files import fleet_at

_STALE_POLLS = 5
"""After so many polls without an answer of the remote the reconciler is not ready."""


class Reconciler:
    """Follows a branch and keeps clusters at what it says, from `start` to `close`."""

    def __init__(
        self,
        source: BranchSource,
        open_cluster: Callable[[str], Cluster],
        identity: str,
        metrics: Metrics,
        log: Any,
        options: LoopOptions | None = None,
        only: Sequence[str] = (),
    ) -> None:
        """`only`: names of environments; empty for all that the tip has."""
        self.source, self.metrics, self.log = source, metrics, log
        self._open_cluster, self._identity, self._only = open_cluster, identity, tuple(only)
        self._options = options or LoopOptions()
        self._clusters: dict[str, Cluster] = {}
        self._loops: dict[str, EnvironmentLoop] = {}
        self._ending: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._tip_error = ""
        source.follow(self._take_tip)

    def start(self) -> None:
        """Begin to follow the branch."""
        self.source.start()

    def close(self) -> None:
        """Stop, and give leases back."""
        self.source.close()
        with self._lock:
            loops, clusters = list(self._loops.values()), list(self._clusters.values())
        for loop in loops:
            loop.close()
        for thread in self._ending:
            thread.join(20)
        for cluster in clusters:
            cluster.close()

    @property
    def loops(self) -> dict[str, EnvironmentLoop]:
        """The environments that are followed, by name."""
        with self._lock:
            return dict(self._loops)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says: ready when the branch is known and each environment is led, here or elsewhere.

        Sets the metrics of what is away, which are therefore asked for together.
        """
        now, source = time.monotonic(), self.source.state
        failing = now - source.failing_since if source.failing_since is not None else 0.0
        self.metrics.source_failing.set(failing)
        environments = {}
        for name, loop in self.loops.items():
            state, term = loop.state, loop.term
            self.metrics.cluster_failing.labels(name).set(now - state.since if state.is_away else 0.0)
            environments[name] = {
                "state": state.state,
                "seconds": round(now - state.since, 1),
                "commit": term.sync.desired.commit if term is not None else state.commit,
                **({"error": state.error} if state.error else {}),
            }
        branch = {
            "commit": source.commit,
            "failingSeconds": round(failing, 1),
            "error": self._tip_error or source.error,
        }
        known = source.commit is not None and not self._tip_error and source.failures < _STALE_POLLS
        good = all(item["state"] in ("standby", "leading") for item in environments.values())
        return {"ready": bool(known and good and environments), "branch": branch, "environments": environments}

    def _take_tip(self, snapshot: Snapshot) -> None:
        try:
            names = self._only or fleet_at(snapshot).environment_names()
        except RevstampError as error:
            self.log.error("the tip cannot be read", commit=snapshot.commit, error=error.message, hint=error.hint)
            self._tip_error = f"{(snapshot.commit or '')[:10]}: {error.message}"
            return
        self._tip_error = ""
        with self._lock:
            for name in names:
                if name not in self._loops:
                    loop = EnvironmentLoop(
                        name, self._find_cluster, self._identity, self.metrics, self.log, self._options
                    )
                    self._loops[name] = loop
                    loop.start()
            gone = [self._loops.pop(name) for name in list(self._loops) if name not in names]
            loops = list(self._loops.values())
        for loop in loops:
            loop.move_to(snapshot)
        for loop in gone:
            self.log.warning("environment is gone from the branch; its objects stay", environment=loop.name)
            # Where its cluster is away this takes a while, in which the others have to hear of newer commits.
            thread = threading.Thread(target=loop.close, name=f"end-{loop.name}", daemon=True)
            self._ending.append(thread)
            thread.start()

    def _find_cluster(self, name: str) -> Cluster:
        with self._lock:
            known = self._clusters.get(name)
        if known is not None:
            return known
        cluster = self._open_cluster(name)
        with self._lock:
            return self._clusters.setdefault(name, cluster)
