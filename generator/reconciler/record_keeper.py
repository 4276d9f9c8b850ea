"""Keeping the cluster's record true while an environment is worked on.

Owns: when the record is written, and how often at most. Refuses: what a record says (`cluster.record`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from generator.cluster.port import hurry
from generator.cluster.record import AppliedRecord, fits, update_record
from generator.errors import NotLeading, RevstampError
from generator.reconciler.environment_sync import EnvironmentSync

_SHARE = 20.0
"""How many times as long as writing took pass before the next one, while endpoints wait."""
_LONGEST = 5.0
"""Seconds that may pass so at most: what is applied and not recorded is not known to the next leader."""
_END_SECONDS = 3.0
"""For the last write of a term: the lease is still to be given back."""


class RecordKeeper:
    """Writes which commit the cluster has, but for the endpoints that have another one. `ask` from any thread."""

    def __init__(self, sync: EnvironmentSync, is_busy: Callable[[], bool], log: Any) -> None:
        """`is_busy`: whether endpoints are being seen to; those that wait for another attempt do not count."""
        self._sync, self._is_busy, self._log = sync, is_busy, log
        self._is_due = threading.Event()
        self._earliest = 0.0
        self._written: AppliedRecord | None = None

    def ask(self) -> None:
        """Have the record written soon: something may have come to what git says."""
        self._is_due.set()

    def note(self) -> AppliedRecord:
        """Bring up to date what this process goes by, before it works towards another commit."""
        record, known = self._make(), self._sync.record
        if record == known:
            return known  # what was worked out from it stays known
        self._sync.record = record
        return record

    def save(self, within: float | None = None) -> None:
        """Write the record, in so many seconds, where that was asked for and it says something new.

        While many endpoints wait it is long and changes with each of them; writing it then is kept a small share.
        NotLeading, and what trying again does not help against.
        """
        began = time.monotonic()
        if not self._is_due.is_set() or (self._is_busy() and began < self._earliest):
            return
        self._is_due.clear()
        record = self.note()
        if record != self._written:
            self._write(record, within)
        took = time.monotonic() - began
        self._earliest = began + took + min(_LONGEST, _SHARE * took)

    def finish(self) -> None:
        """Write it once more where that was asked for; what fails is only told, for nothing is done any more."""
        self._earliest = 0.0
        try:
            self.save(_END_SECONDS)
        except RevstampError as error:
            self._log.warning("the record was not written", error=error.message)

    def _make(self) -> AppliedRecord:
        """As short as may be: an endpoint of which the old commit says the same need not be told apart."""
        commit, old = self._sync.desired.commit, self._sync.record or AppliedRecord()
        behind = {name: old.commit_of(name) for name in self._sync.pending()}
        same = self._sync.find_same([name for name, at in behind.items() if at == old.commit != commit], old.commit)
        return AppliedRecord(commit, {name: at for name, at in behind.items() if at != commit and name not in same})

    def _write(self, record: AppliedRecord, within: float | None = None) -> None:
        if not fits(record):
            self._log.warning("the record is too long to be written", endpoints=len(record.apart))
            return  # it gets shorter with each endpoint that has what the commit says
        desired, cluster = self._sync.desired, self._sync.cluster
        if within is not None:
            cluster = hurry(cluster, within, within / 2)
        try:
            update_record(cluster, desired.name, desired.environment.spec.namespace, lambda _: record)
            self._written = record
        except RevstampError as error:
            self._is_due.set()
            if not error.retryable or isinstance(error, NotLeading):
                raise
            self._log.warning("the record was not written", error=error.message)
