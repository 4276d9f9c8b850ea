"""From a pod's event to the ledger's row, on a simulated cluster in the same process.

Owns: when the cluster told of what decides, and when the row was written. Refuses: the table.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from generator.cluster.kinds import POD
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.log import make_log
from generator.reconciler.source import BranchSource
from generator.render.pods import ENDPOINT, REVISION
from generator.service.recording import Asker
from generator.service.redeployments import Redeployments
from generator.service.trunk import ClonedTrunk
from generator.service.workspace import Workspace
from generator.settings import Settings
from generator.spec.patch import Patch
from generator.store.database import Database
from generator.store.ledger import Ledger
from generator.store.redeployment import Note, Redeployment
from generator.store.schema import upgrade_schema
from generator.store.states import State
from generator.worker.background import Background
from tests.bench.cluster_fleet import make_fleet, name_of
from tests.cluster.gitops import reconciling

_RUNNING = 10
_FAILING = ("ErrImagePull", "ImagePullBackOff")
_BROKEN = {("spec", "image"): "registry.internal/serve/vllm:fate-image-pull"}
_WHOLE = {("spec", "image"): "registry.internal/serve/vllm:whole"}


class TimedLedger(Ledger):
    """Notes when a row was written that says `healthy` or that something fails."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.written: dict[tuple[int, str], float] = {}

    def move(
        self, row: Redeployment, state: State, note: Note, values: Mapping[str, Any] | None = None
    ) -> Redeployment | None:
        """As the ledger does."""
        moved = super().move(row, state, note, values)
        self.written.setdefault((row.id, state.value), time.monotonic())
        return moved

    def change(self, row: Redeployment, values: Mapping[str, Any], note: Note | None = None) -> bool:
        """As the ledger does."""
        done = super().change(row, values, note)
        if values.get("failing"):
            self.written.setdefault((row.id, "failing"), time.monotonic())
        return done


class PodEvents:
    """When the cluster told first that a pod is ready, fails or goes; by endpoint and revision."""

    def __init__(self, cluster: SimulatedCluster, namespace: str) -> None:
        self._cluster, self._namespace, self._stop = cluster, namespace, threading.Event()
        self.seen: dict[tuple[str, str, str], float] = {}
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        for event in self._cluster.watch(POD, self._namespace, self._stop, ENDPOINT):
            now, body = time.monotonic(), event.body
            if not body:
                continue
            metadata, status = body["metadata"], body.get("status") or {}
            place = (metadata["labels"][ENDPOINT], metadata["annotations"][REVISION])
            ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
            waiting = [(one.get("state") or {}).get("waiting") or {} for one in status.get("containerStatuses") or ()]
            for what, holds in (
                ("going", "deletionTimestamp" in metadata),
                ("healthy", ready),
                ("failing", any(one.get("reason") in _FAILING for one in waiting)),
            ):
                if holds:
                    self.seen.setdefault((*place, what), now)

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(10)


@contextmanager
def _running(root: Path, count: int) -> Iterator[tuple[Redeployments, TimedLedger, PodEvents]]:
    """Everything in one process, SQLite as its database."""
    gitops = make_fleet(root, "bench", count, running=min(count, _RUNNING))
    cluster = SimulatedCluster(strict_namespaces=False)
    database = Database(f"sqlite:///{root}.db")
    upgrade_schema(database)
    ledger, workspace = TimedLedger(database), Workspace.open(root, Settings())
    service = Redeployments(ClonedTrunk(workspace), ledger, None)
    source = BranchSource(workspace.repository, "main", None, 0.1)
    background = Background(service, source, lambda _: cluster, "bench", make_log("json", io.StringIO()))
    with reconciling(gitops, lambda _: cluster, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        events = PodEvents(cluster, "bench")
        background.start()
        try:
            yield service, ledger, events
        finally:
            background.close()
            events.close()
            cluster.close()
            database.close()


def measure_latencies(root: Path, count: int, rounds: int) -> Mapping[str, list[float]]:
    """Seconds, of so many redeploys, every third of which fails, in a fleet of so many endpoints."""
    found: dict[str, list[float]] = {"last event of a rollout": [], "first failing pod": []}
    with _running(root, count) as (service, ledger, events):
        for number in range(rounds):
            name, is_broken = name_of(number // 3 % min(count, _RUNNING)), number % 3 == 1
            patch = Patch(_BROKEN if is_broken else _WHOLE)
            row = service.redeploy(f"test/{name}", Asker("bench"), patch=patch).row
            word = "failing" if is_broken else "healthy"
            written = _await(ledger.written, (row.id, word))
            row = service.queries.get(row.id)
            signs = [events.seen[name, str(row.pod_revision), word]]
            if not is_broken:  # ready is not enough: the old pods have to go
                signs += [at for (one, revision, what), at in events.seen.items() if (one, what) == (name, "going")]
            before = [at for at in signs if at <= written]
            found["first failing pod" if is_broken else "last event of a rollout"].append(written - max(before))
    return found


def _await(written: Mapping[tuple[int, str], float], key: tuple[int, str]) -> float:
    end = time.monotonic() + 120
    while key not in written:
        assert time.monotonic() < end, f"{key} did not happen"
        time.sleep(0.002)
    return written[key]
