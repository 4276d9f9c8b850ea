"""Applying a fleet, one change in it, and what following it takes, on the API server of the testbed.

The first apply and one where nothing has changed stand against `kubectl apply --server-side -R` over the same files, on
a cluster in which nothing acts on what is applied: controllers would take the processors in turns, and from whom is
chance. The rest is measured with all that acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.harness import Bench, Row, benchmark, tell
from tests.bench.reconcile_apply import GOALS, UNCHANGED, compare_applies, make_row
from tests.bench.reconcile_change import measure_one_change
from tests.bench.reconcile_memory import measure_memory
from tests.bench.reconcile_pass import measure_full_pass
from tests.testbed.cluster.hold import hold_cluster
from tests.testbed.cluster.spec import SERVER_ONLY, ClusterSpec
from tests.testbed.errors import Missing
from tests.testbed.settings import SETTINGS


@benchmark("reconcile")
def measure(bench: Bench) -> Iterator[Row]:
    """All rows; none where the testbed is not built."""
    peers: dict[str, float] = {}
    try:
        for row in _tell_each(_measure_applies(bench)):
            peers[row.name] = row.peer_value or 0.0
            yield row
        yield from _tell_each(_measure_following(bench, peers))
    except Missing as error:
        bench.note(f"reconcile: not measured, {error}")


def _tell_each(rows: Iterator[Row]) -> Iterator[Row]:
    """Each row is told as soon as it is known: a later one may fail after minutes."""
    for row in rows:
        tell(f"reconcile: {row.name}: {row.value} {row.unit} (peer {row.peer_value}, {row.ratio})")
        yield row


def _measure_applies(bench: Bench) -> Iterator[Row]:
    with hold_cluster(SETTINGS, SERVER_ONLY, "bench-server") as cluster:
        kubeconfig, kubectl = Path(cluster.kubeconfig), cluster.kubectl
        for count in dict.fromkeys((bench.pick(full=200, quick=20, tiny=2), bench.pick(full=1000, quick=40, tiny=2))):
            yield from compare_applies(bench, kubeconfig, kubectl, count)


def _measure_following(bench: Bench, peers: Mapping[str, float]) -> Iterator[Row]:
    with hold_cluster(SETTINGS, ClusterSpec(), "bench") as cluster:
        kubeconfig = Path(cluster.kubeconfig)
        count = bench.pick(full=1000, quick=40, tiny=2)
        took = measure_full_pass(bench, kubeconfig, count) * 1000 / count
        peer = peers[f"apply {count} endpoints, unchanged"]
        yield make_row(f"full pass of a reconciler over {count} endpoints, unchanged", took, peer, GOALS[UNCHANGED])
        yield from measure_one_change(bench, kubeconfig, bench.pick(full=1000, quick=40, tiny=2))
        for count in dict.fromkeys((bench.pick(full=1000, quick=40, tiny=2), bench.pick(full=5000, quick=40, tiny=2))):
            yield measure_memory(bench, kubeconfig, count)
