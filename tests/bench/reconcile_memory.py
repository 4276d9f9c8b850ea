"""What following many endpoints takes of the machine's memory.

Owns: `revstamp reconcile` as a process of its own, until everything is applied. Refuses: the cluster.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from generator.cluster.record import read_record
from tests.bench.cluster_fleet import make_fleet, make_namespace
from tests.bench.harness import Bench, Row, revstamp_command, tell
from tests.bench.reconcile_change import wait_for
from tests.cluster.gitops import GitOps


def measure_memory(bench: Bench, kubeconfig: Path, count: int) -> Row:
    """The peak of `revstamp reconcile` from its start until everything is applied and some seconds have passed."""
    tell(f"reconcile: memory with {count} endpoints")
    root = bench.scratch / f"memory-{count}"
    gitops = make_fleet(root, make_namespace(kubeconfig, f"bench-memory-{count}"), count, running=count)
    words = [*revstamp_command(), "-C", str(root), "reconcile", "--kubeconfig", str(kubeconfig), "--output", "json"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    port = open_cluster("bench", kubeconfig=str(kubeconfig))
    try:
        wait_for(lambda: _is_recorded(port, gitops) or None, 1800, 0.5)
        time.sleep(3)
        peak = _read_peak(process.pid)
    finally:
        port.close()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return Row(f"memory of the reconciler, {count} endpoints", peak, "MiB", goal="<= 200 MiB", goal_met=peak <= 200)


def _is_recorded(port: Port, gitops: GitOps) -> bool:
    record = read_record(port, "test", gitops.namespace)
    return record is not None and record.commit == gitops.tip and not record.apart


def _read_peak(pid: int) -> float:
    """Resident memory in MiB, the peak of the process's life."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0
