"""The one way onto a branch.

Owns: collecting what waits and handing it to the publisher as one batch, so that a burst shares its pushes.
Refuses: working on two batches at once, and answering anybody before the remote has acknowledged.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from generator.gitops.changes import Change, CommitResult, Proposal
from generator.gitops.paths import check_branch
from generator.gitops.publisher import Limits, Publisher
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot

__all__ = ["Change", "CommitBroker", "CommitResult", "Limits", "Proposal"]

_LARGEST_BATCH = 256
"""Changes in one push. They take about a second to build, and as long must the last one wait for an error."""

_IDLE_TIME = 30.0
"""Seconds after which a worker with nothing to do ends; the next change starts another one."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    change: Change
    refresh: bool
    future: Future[CommitResult]


class CommitBroker:
    """Commits changes to one branch, from any number of threads.

    Several brokers, in one process or in many, may work on one git directory; a lock file keeps them apart.
    """

    def __init__(
        self,
        repository: Repository,
        branch: str,
        remote: Remote | None = None,
        *,
        limits: Limits | None = None,
        choose_base: Callable[[str | None], str | None] | None = None,
        before_publish: Callable[[str | None, str], None] | None = None,
    ) -> None:
        self.repository = repository
        self.branch = check_branch(branch)
        self.remote = remote
        self._limits = limits or Limits()
        self._publisher = Publisher(
            repository,
            branch,
            remote,
            limits=self._limits,
            choose_base=choose_base,
            before_publish=before_publish,
        )
        self._waiting: deque[_Waiting] = deque()
        self._arrived = threading.Condition()
        self._worker: threading.Thread | None = None

    def submit(self, change: Change, refresh: bool = False) -> Future[CommitResult]:
        """Queue a change. The future is done when the remote has acknowledged the commit, or refused it.

        Without a remote it is done when the local branch has moved. `refresh` fetches first even where nothing
        suggests that the branch has moved.
        """
        future: Future[CommitResult] = Future()
        with self._arrived:
            self._waiting.append(_Waiting(change, refresh, future))
            if self._worker is None:
                name = f"revstamp-broker-{self.branch}"
                self._worker = threading.Thread(target=self._work, name=name, daemon=True)
                self._worker.start()
            self._arrived.notify()
        return future

    def commit(self, change: Change, refresh: bool = False) -> CommitResult:
        """Submit and wait. Raises what `build` raised, or why the branch could not be moved."""
        return self.submit(change, refresh).result()

    def snapshot(self, refresh: bool = False) -> Snapshot:
        """The branch's files as the next change would see them."""
        return self.repository.snapshot(self._publisher.read_tip(refresh))

    def _work(self) -> None:
        while self._await_work():
            if self.remote is not None:
                time.sleep(self._limits.linger)
            batch: list[_Waiting] = []
            try:
                with self._publisher.locked():  # while we wait for the lock, others join
                    batch = self._take_batch()
                    self._settle(batch)
            except Exception as error:
                for waiting in batch or self._take_batch():
                    waiting.future.set_exception(error)

    def _await_work(self) -> bool:
        with self._arrived:
            if not self._waiting and not self._arrived.wait_for(lambda: bool(self._waiting), _IDLE_TIME):
                self._worker = None
                return False
            return True

    def _take_batch(self) -> list[_Waiting]:
        with self._arrived:
            count = min(len(self._waiting), _LARGEST_BATCH)
            batch = [self._waiting.popleft() for _ in range(count)]
        return [waiting for waiting in batch if waiting.future.set_running_or_notify_cancel()]

    def _settle(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        refresh = any(waiting.refresh for waiting in batch)
        outcomes = self._publisher.publish([waiting.change for waiting in batch], refresh)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                waiting.future.set_exception(outcome)
            else:
                waiting.future.set_result(outcome)
