"""Peak memory of `revstamp read-status`, as a process of its own, with many endpoints that run.

Owns: a fleet, and the API that lists its objects: those of one endpoint that a simulated cluster has run, under many
names. Refuses: the table.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from generator.cluster.kinds import DEPLOYMENT, POD, REPLICA_SET
from generator.cluster.simulated import SimulatedCluster
from generator.store.database import Database
from generator.store.endpoints import EndpointStates
from generator.store.schema import upgrade_schema
from tests.bench.cluster_fleet import PATTERN, make_fleet, name_of
from tests.bench.harness import revstamp_command
from tests.cluster.gitops import GitOps
from tests.proofs.agreement import read_tip

_ROOT = Path(__file__).resolve().parents[2]


def measure_memory(root: Path, count: int) -> float:
    """MiB, when every endpoint has been read and written once."""
    gitops = make_fleet(root, "bench", count)
    texts = root.with_suffix(".json")
    texts.write_text(json.dumps(_run_one(gitops)), encoding="utf-8")
    database = Database(f"sqlite:///{root}.db")
    upgrade_schema(database)
    words = [sys.executable, "-m", "tests.bench.listed_api", str(texts), str(count)]
    api = subprocess.Popen(words, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert api.stdout is not None
        kubeconfig = _write_kubeconfig(root.with_suffix(".kubeconfig"), int(api.stdout.readline()))
        return _measure_reader(root, kubeconfig, f"sqlite:///{root}.db", EndpointStates(database), count)
    finally:
        api.kill()
        api.wait()
        database.close()


def _run_one(gitops: GitOps) -> Mapping[str, str]:
    """By plural, what becomes of the first endpoint in a cluster; its name and uids are the pattern's."""
    cluster, name = SimulatedCluster(strict_namespaces=False), name_of(0)
    try:
        for body in read_tip(gitops).read(name).bodies:
            cluster.apply(body)
        end = time.monotonic() + 60
        while not all((one.get("status") or {}).get("availableReplicas") for one in cluster.list(DEPLOYMENT, "bench")):
            assert time.monotonic() < end, "the endpoint does not become ready"
            time.sleep(0.05)
        found = {}
        for kind in (DEPLOYMENT, REPLICA_SET, POD):
            (body,) = cluster.list(kind, "bench")
            found[kind.plural] = json.dumps(body).replace(name, PATTERN)
        for uid in [json.loads(text)["metadata"]["uid"] for text in found.values()]:
            found = {plural: text.replace(uid, f"{uid}-{PATTERN}") for plural, text in found.items()}
        return found
    finally:
        cluster.close()


def _write_kubeconfig(path: Path, port: int) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": "bench"}}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _measure_reader(root: Path, kubeconfig: Path, url: str, states: EndpointStates, count: int) -> float:
    words = [*revstamp_command(), "-C", str(root), "read-status", "--kubeconfig", str(kubeconfig), "--output", "json"]
    log = root.with_suffix(".log")
    with log.open("w") as out:
        process = subprocess.Popen(words, stderr=out, env={**os.environ, "REVSTAMP_DATABASE": url})
    try:
        end = time.monotonic() + 900
        while sum(state.status == "healthy" for state in states.load("test").values()) < count:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, f"not all endpoints were read: {log.read_text()[-2000:]}"
            time.sleep(0.5)
        return peak_memory(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def peak_memory(pid: int) -> float:
    """The most that a process has had resident, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0
