"""Worker and status reader of one process, each at work only while it holds its lease.

Owns: starting and ending them together. Refuses: their work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from generator.cluster.port import Cluster
from generator.reconciler.source import BranchSource
from generator.service.redeployments import Redeployments
from generator.store.leases import Leases
from generator.worker.elected import Elected
from generator.worker.reader import ReaderOptions, StatusReader
from generator.worker.worker import Worker

WORKER = "worker"
READER = "reader"


class Background:
    """From `start` to `close`. `parts`: which of both this process takes part in."""

    def __init__(
        self,
        service: Redeployments,
        source: BranchSource,
        open_cluster: Callable[[str], Cluster],
        holder: str,
        log: Any,
        *,
        parts: tuple[str, ...] = (WORKER, READER),
        options: ReaderOptions | None = None,
    ) -> None:
        self.source = source
        leases = Leases(service.ledger.database, holder)
        self.worker: Worker | None = None
        self.reader: StatusReader | None = None
        if READER in parts:
            self.reader = StatusReader(source, service.ledger, service.platform, open_cluster, log, options)
        if WORKER in parts:
            tell_reader = self.reader.nudge if self.reader is not None else lambda: None
            self.worker = Worker(service, source, log, tell_reader)
        loops = ((WORKER, self.worker), (READER, self.reader))
        self.elected = [Elected(name, leases, part.run, log) for name, part in loops if part is not None]

    def start(self) -> None:
        """Begin to follow the branch, and to stand for the leases."""
        self.source.start()
        for one in self.elected:
            one.start()

    def close(self) -> None:
        """End the work and give the leases back."""
        self.source.close()
        for one in self.elected:
            one.close()

    def nudge(self) -> None:
        """Something is new in the ledger."""
        for part in (self.worker, self.reader):
            if part is not None:
                part.nudge()

    def errors(self) -> dict[str, str]:
        """What keeps a part from its work, in words, by its name; those at work or standing by are not there."""
        return {one.name: one.error for one in self.elected if one.error}
