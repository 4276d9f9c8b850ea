"""The full pass that a reconciler makes every so often over a fleet in which nothing has changed.

Owns: a fleet that is at rest, a reconciler in this process, the time of its passes. Refuses: the cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.cluster.open import open_cluster
from generator.errors import Refused
from generator.reconciler.environment_sync import EnvironmentSync
from generator.reconciler.watched_environment import WatchedEnvironment
from tests.bench.cluster_fleet import make_fleet, make_namespace, remove_namespace
from tests.bench.harness import Bench, median, tell
from tests.bench.reconcile_apply import apply_command, run_command
from tests.bench.reconcile_change import settle
from tests.cluster.gitops import reconciling

_EVERY = 2.0
"""Seconds between two passes: enough for each to end before the next."""


def measure_full_pass(bench: Bench, kubeconfig: Path, count: int) -> float:
    """Seconds, the median of some passes: from its first step until no endpoint waits any more."""
    tell(f"reconcile: full passes over {count} endpoints")
    gitops = make_fleet(bench.scratch / "pass", make_namespace(kubeconfig, "bench-pass"), count, running=0)
    port = open_cluster("testbed", kubeconfig=str(kubeconfig), connections=12)
    try:
        run_command(apply_command(gitops.root, kubeconfig))
        settle(kubeconfig, gitops.namespace)
        with _noting_begins() as begun, reconciling(gitops, lambda _: port, full_pass_seconds=_EVERY) as running:
            running.wait_applied(gitops.tip)
            loop = running.reconciler.loops["test"]
            running.wait(lambda: loop.term is not None and not len(loop.term.queue), "the first pass")
            assert loop.term is not None
            return median([_take_pass(loop.term, begun) for _ in range(bench.pick(full=5, quick=2, tiny=1))])
    finally:
        port.close()
        remove_namespace(kubeconfig, gitops.namespace)


def _take_pass(term: WatchedEnvironment, begun: list[float]) -> float:
    known = len(begun)
    while len(begun) == known or len(term.queue):
        time.sleep(0.0005)
    return time.monotonic() - begun[-1]


@contextmanager
def _noting_begins() -> Iterator[list[float]]:
    """The moments at which passes begin: judging what may be pruned is the first step of each."""
    begun: list[float] = []
    original = EnvironmentSync.judge_pruning

    def judge(sync: EnvironmentSync, names: tuple[str, ...] | None = None) -> Refused | None:
        begun.append(time.monotonic())
        return original(sync, names)

    EnvironmentSync.judge_pruning = judge  # type: ignore[method-assign,assignment]
    try:
        yield begun
    finally:
        EnvironmentSync.judge_pruning = original  # type: ignore[method-assign]
