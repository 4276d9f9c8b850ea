"""The service as processes: workers, status readers and reconcilers, one or two of each, killed and started again.

Owns: starting and killing them, and that nobody waits for the leases of the dead more often than now and then. Refuses:
deciding when.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from generator.errors import StoreError
from generator.store.database import Database
from tests.proofs.instances import PATIENCE, Process
from tests.testbed.kube.api import Api, ApiError

ROLES = ("worker", "read-status", "reconcile")
_NATURAL = 25
"""Of so many kills, after one the lease of the dead has to run out; after the others it is taken away, to save time."""
_BUGS = ("bug of revstamp", "lease", "not committed", "endpoint cannot be assessed")


@dataclass
class ServiceParts:
    """All processes of a test. Those of a role share a mirror."""

    folder: Path
    url: str
    database: Database
    address: str
    """URL of the database, with its password."""
    kubeconfig: Path
    api: Api
    lease: str
    """Path of the lease that reconcilers hold in the cluster."""
    logs: Path
    started: list[tuple[str, Process]] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    at_work: int = 0
    """Kills of a process that led at that moment."""
    in_pairs: int = 0

    def running(self, role: str) -> list[Process]:
        """The processes of a role that have not ended."""
        return [process for kind, process in self.started if kind == role and process.is_running]

    def fill(self, role: str, count: int = 1) -> None:
        """Have so many at least."""
        while len(self.running(role)) < count:
            self._start(role)

    def kill(self, role: str, victim: Process) -> None:
        """As a power cut does."""
        self.at_work += bool(victim.lines("leading"))
        self.in_pairs += len(self.running(role)) > 1
        victim.kill()
        self.kills[role] += 1
        if sum(self.kills.values()) % _NATURAL != _NATURAL // 2:
            with suppress(StoreError, ApiError, OSError):  # one that is away goes by itself
                self._take_lease(role, victim.process.pid)

    def find_leader(self, role: str) -> Process | None:
        """The running one that said last that it leads."""
        leading = [one for one in self.running(role) if one.lines("leading")]
        return max(leading, key=lambda one: str(one.lines("leading")[-1]["timestamp"]), default=None)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something; the logs are shown where it does not come."""
        end = time.monotonic() + PATIENCE
        while not condition():
            for role in ROLES:
                self.fill(role)
            assert time.monotonic() < end, f"not: {what}\n{self.tails()}"
            time.sleep(0.05)

    def bugs(self) -> list[dict[str, Any]]:
        """Whatever any of them called a bug of revstamp, or did not catch."""
        found = []
        for role, process in self.started:
            found += [line | {"role": role} for line in process.lines() if is_bug(line)]
            written = process.log.read_text(errors="replace")
            if "Traceback" in written and '"exception"' not in written:
                found.append({"role": role, "log": written[-3000:]})
        return found

    def tail(self, role: str) -> str:
        """The end of the newest log."""
        return next((one.log.read_text()[-3000:] for kind, one in reversed(self.started) if kind == role), "")

    def tails(self) -> str:
        """The ends of all newest logs."""
        return "\n".join(f"--- {role}\n{self.tail(role)}" for role in ROLES)

    def _start(self, role: str) -> None:
        log = self.logs / f"{len(self.started):03}-{role}.log"
        words = [role, "--url", self.url, "--mirror", str(self.logs / f"mirror-{role}"), "--poll", "0.2"]
        if role != "worker":
            words += ["--kubeconfig", str(self.kubeconfig)]
        self.started.append((role, Process(self.folder, log, words, {"REVSTAMP_DATABASE": self.address})))

    def _take_lease(self, role: str, pid: int) -> None:
        if role == "reconcile":
            lease = self.api.find(self.lease)
            if lease is not None and f"_{pid}_" in str(lease["spec"].get("holderIdentity")):
                self.api.delete(self.lease)
            return
        query = text("UPDATE revstamp_leases SET expires_at = now() WHERE holder LIKE :holder")
        self.database.write(lambda connection: connection.execute(query, {"holder": f"%\\_{pid}\\_%"}))


def is_bug(line: dict[str, Any]) -> bool:
    """Whether a log line tells of something that should not be."""
    return "exception" in line or line.get("event") in _BUGS


@contextmanager
def serving(parts: ServiceParts) -> Iterator[ServiceParts]:
    """What is left at the end of the block is killed."""
    parts.logs.mkdir(exist_ok=True)
    try:
        yield parts
    finally:
        for _, process in parts.started:
            if process.is_running:
                process.kill()
