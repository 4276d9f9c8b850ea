"""Keeping the cluster's record true while an environment is worked on.

Owns: when the record is written, and how often at most. Refuses: what a record says (`cluster.record`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from generator.cluster.record import AppliedRecord, update_record
from generator.errors import NotLeading, RevstampError
from generator.reconciler.environment_sync import EnvironmentSync

_SHARE = 20.0
"""How many times as long as writing took pass before the next one, while endpoints wait."""


class RecordKeeper:
    """Writes which commit the cluster has, but for the endpoints that have another one. `ask` from any thread."""

    def __init__(self, sync: EnvironmentSync, is_waiting: Callable[[], object], log: Any) -> None:
        """`is_waiting`: whether endpoints wait to be seen to."""
        self._sync, self._is_waiting, self._log = sync, is_waiting, log
        self._is_due = threading.Event()
        self._earliest = 0.0

    def ask(self) -> None:
        """Have the record written soon: something may have come to what git says."""
        self._is_due.set()

    def save(self) -> None:
        """Write the record where that was asked for and it says something new.

        While many endpoints wait it is long and changes with each of them; writing it then is kept a small share.
        NotLeading, and what trying again does not help against.
        """
        began = time.monotonic()
        if not self._is_due.is_set() or (self._is_waiting() and began < self._earliest):
            return
        self._is_due.clear()
        record = self._make()
        if record != self._sync.record:
            self._write(record)
        self._earliest = time.monotonic() + _SHARE * (time.monotonic() - began)

    def _make(self) -> AppliedRecord:
        commit, old = self._sync.desired.commit, self._sync.record or AppliedRecord()
        behind = {name: old.commit_of(name) for name in self._sync.pending()}
        return AppliedRecord(commit, {name: at for name, at in behind.items() if at != commit})

    def _write(self, record: AppliedRecord) -> None:
        desired = self._sync.desired
        try:
            update_record(self._sync.cluster, desired.name, desired.environment.spec.namespace, lambda _: record)
            self._sync.record = record
        except RevstampError as error:
            self._is_due.set()
            if not error.retryable or isinstance(error, NotLeading):
                raise
            self._log.warning("the record was not written", error=error.message)
