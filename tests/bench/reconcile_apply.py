"""One pass over a whole fleet, beside kubectl's.

Owns: the first apply and the unchanged one, by both, in turns, and what either costs the API server. Refuses: the
cluster; one in which nothing acts is given.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.cluster_fleet import make_fleet, make_namespace, move_to
from tests.bench.harness import Bench, Row, median, revstamp_command, seconds, tell
from tests.cluster.gitops import GitOps

FIRST, UNCHANGED = "first", "unchanged"
GOALS = {FIRST: 6.0, UNCHANGED: 10.0}
_PEER = "kubectl apply --server-side -R"


@dataclass(slots=True)
class _Taken:
    """Seconds of each round, by the clock and of the API server's processors."""

    waited: dict[str, list[float]] = field(default_factory=lambda: {FIRST: [], UNCHANGED: []})
    served: dict[str, list[float]] = field(default_factory=lambda: {FIRST: [], UNCHANGED: []})


def compare_applies(bench: Bench, kubeconfig: Path, kubectl: str, count: int) -> Iterator[Row]:
    """Rounds in which both begin in turns, each time in a namespace of their own."""
    tell(f"reconcile: {count} endpoints, first and unchanged")
    root = bench.scratch / f"fleet-{count}"
    gitops = make_fleet(root, f"fleet-{count}", count)
    manifests = str(root / "environments" / "test" / "manifests")
    commands = {
        "own": apply_command(root, kubeconfig),
        "peer": [kubectl, "--kubeconfig", str(kubeconfig), "apply", "--server-side", "-R", "-f", manifests],
    }
    taken = {who: _Taken() for who in commands}
    rounds = bench.pick(full=3 if count <= 200 else 1, quick=2, tiny=1)
    for turn in range(rounds):
        for who in sorted(commands, reverse=bool(turn % 2)):
            _measure_round(gitops, kubeconfig, kubectl, f"fleet-{count}-{turn}-{who}", commands[who], taken[who])
    for what, goal in GOALS.items():
        own, peer = (median(taken[who].waited[what]) * 1000 / count for who in ("own", "peer"))
        yield make_row(f"apply {count} endpoints, {what}", own, peer, goal)
        own, peer = (median(taken[who].served[what]) * 1000 / count for who in ("own", "peer"))
        yield make_row(f"… processor time that it takes the API server, {count} {what}", own, peer)


def _measure_round(
    gitops: GitOps, kubeconfig: Path, kubectl: str, namespace: str, command: Sequence[str], taken: _Taken
) -> None:
    move_to(gitops, make_namespace(kubeconfig, namespace))
    for what in GOALS:
        before = _read_server_seconds(kubeconfig, kubectl)
        taken.waited[what].append(seconds(lambda: run_command(command)))
        taken.served[what].append(_read_server_seconds(kubeconfig, kubectl) - before)


def make_row(name: str, own: float, peer: float, goal: float | None = None) -> Row:
    """Milliseconds an endpoint, ours beside kubectl's."""
    ratio = round(peer / own, 1) if own else None
    told = (f">= {goal:g}x", bool(ratio and ratio >= goal)) if goal is not None else (None, None)
    return Row(name, round(own, 2), "ms/endpoint", _PEER, round(peer, 2), ratio, *told)


def apply_command(root: Path, kubeconfig: Path) -> list[str]:
    """A pass over the whole repository, as a process."""
    return [*revstamp_command(), "-C", str(root), "apply", "-e", "test", "--kubeconfig", str(kubeconfig)]


def run_command(words: Sequence[str]) -> bytes:
    """What it prints; it must succeed."""
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


def _read_server_seconds(kubeconfig: Path, kubectl: str) -> float:
    """Processor time of the API server since it started."""
    text = run_command([kubectl, "--kubeconfig", str(kubeconfig), "get", "--raw", "/metrics"]).decode()
    (line,) = (line for line in text.splitlines() if line.startswith("process_cpu_seconds_total "))
    return float(line.split()[1])
