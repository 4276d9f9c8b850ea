"""Leadership by a Lease: at most one of several instances writes.

Owns: one candidacy: waiting for the lease, holding it, knowing by itself when it is over, giving it back. Refuses:
coming back after a loss; whoever wants to lead again makes a new one. Refuses wall clocks: the age of another's
record is the time since this process saw it change, and our own hold ends by this machine's clock, counted from before
the request that renewed it. So two clocks need not agree, only run about equally fast; `_MARGIN` is for that.
Source: client-go's leaderelection states the same two rules.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Any

from generator.cluster.kinds import LEASE, ObjectRef
from generator.cluster.lease_record import LeaseRecord, free_lease, hold_lease, make_lease, read_record
from generator.cluster.port import Cluster, hurry
from generator.errors import ClusterError, StaleObject

_MARGIN = 0.2
"""Part of the duration by which we stop before others may begin: for clocks that drift and writes on their way."""

_PATIENCE = 3.0
"""Durations for which a candidate goes on without an answer before it says so."""


def read_clock() -> float:
    """Seconds that go on while the process is stopped and, where the system tells it, while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class LeaderLease:
    """One candidacy for one Lease. `identity` must be another one for each process.

    Seconds: `duration` until others may take over, `renew` between renewals, `retry` between attempts. `on_lost` is
    called once, from the lease's own thread, if a hold ends otherwise than by `close`.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration_seconds: float = 15.0,
        renew_seconds: float = 5.0,
        retry_seconds: float = 2.0,
        clock: Callable[[], float] = read_clock,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        if not 0 < renew_seconds < duration_seconds * (1 - _MARGIN):
            raise ValueError("a lease has to be renewed well before it ends")
        # Half the time for one attempt, so that a connection that hangs leaves time for a fresh one.
        self._cluster = hurry(cluster, renew_seconds, renew_seconds / 2)
        self._ref = ObjectRef(LEASE, namespace, name)
        self._identity, self._duration, self._renew, self._retry = (
            identity,
            duration_seconds,
            renew_seconds,
            retry_seconds,
        )
        self._clock, self._on_lost = clock, on_lost
        self._held_until = float("-inf")
        self._record: LeaseRecord | None = None
        self._seen_at = 0.0
        self._failure: ClusterError | None = None
        self._failing_since: float | None = None
        self._stop, self._changed = Event(), threading.Condition()
        self._was_held = False
        self._attempted = ""
        self.lost = Event()
        """Set once the hold has ended, or the candidacy has failed."""
        self._thread = threading.Thread(target=self._run, name=f"revstamp-lease-{name}", daemon=True)

    @property
    def holder(self) -> str:
        """Who holds the lease as far as is known; empty where nobody does."""
        return self._record.holder if self._record is not None else ""

    @property
    def failure(self) -> ClusterError | None:
        """What the last attempt met; None where it went well."""
        return self._failure

    @property
    def failing_seconds(self) -> float:
        """For how long no attempt has gone well; 0 where the last one did."""
        since = self._failing_since
        return 0.0 if since is None else self._clock() - since

    def start(self) -> None:
        """Begin to try, in a thread."""
        self._thread.start()

    def is_held(self) -> bool:
        """Whether this process may write now. False for good once the hold is over."""
        return not self.lost.is_set() and self._clock() < self._held_until

    def wait_until_held(self, stop: Event) -> bool:
        """Wait for the lease; False once `stop` is set or it is closed.

        Raises what waiting does not cure (ClusterForbidden, a missing namespace), and ClusterUnreachable after three
        durations without an answer.
        """
        with self._changed:
            while not (stop.is_set() or self._stop.is_set()):
                if self.is_held():
                    return True
                if self.lost.is_set():
                    break
                self._changed.wait(0.05)
        if self._failure is not None and not stop.is_set() and not self._stop.is_set():
            raise self._failure
        return False

    def close(self) -> None:
        """Stop leading at once, and give the lease back; whoever wrote must have stopped before."""
        held = self._was_held
        self._held_until = float("-inf")
        self._stop.set()
        self._notify()
        if self._thread.is_alive():
            self._thread.join(self._renew * 2)
        if held and self._record is not None and self._record.holder == self._identity:
            self._release(self._record)

    def _release(self, record: LeaseRecord) -> None:
        """As a favour to the next one: if it fails, the lease runs out by itself."""
        try:
            self._record = read_record(self._cluster.replace(free_lease(record, datetime.now(UTC))))
        except ClusterError as error:
            self._failure = error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                pause = self._step()
                if self._was_held and not self.is_held():
                    break
                self._stop.wait(max(0.01, pause))
        finally:
            ended = self._was_held and not self._stop.is_set()
            self.lost.set()
            self._notify()
            if ended and self._on_lost is not None:
                self._on_lost()

    def _step(self) -> float:
        """One attempt to get or keep it; seconds until the next."""
        began = self._clock()
        try:
            held = self._keep() if self._was_held else self._acquire()
            self._failure, self._failing_since = None, None
        except StaleObject:
            # Somebody else wrote it in between: look at once who holds it now.
            return self._after_stale()
        except ClusterError as error:
            return self._after_failure(error, began)
        if held:
            # From before the request: others see the record only after that.
            self._held_until = began + self._duration * (1 - _MARGIN)
            self._was_held = True
            self._notify()
            return self._renew
        return self._retry * random.uniform(0.8, 1.2)  # noqa: S311 - so that candidates do not come together

    def _keep(self) -> bool:
        assert self._record is not None  # noqa: S101 - it is held
        if not self.is_held():
            return False
        self._write(hold_lease(self._record, self._identity, self._duration, datetime.now(UTC)))
        return True

    def _acquire(self) -> bool:
        """Whether it is ours now. A record with our name that is not of this candidacy is another's."""
        live = self._cluster.read(self._ref)
        now = datetime.now(UTC)
        if live is None:
            new = make_lease(self._ref.namespace, self._ref.name, self._identity, self._duration, now)
            self._attempted = new["spec"]["renewTime"]
            self._observe(read_record(self._cluster.create(new)))
            return True
        self._observe(read_record(live))
        if not self._is_free():
            return False
        assert self._record is not None  # noqa: S101 - it was just observed
        self._write(hold_lease(self._record, self._identity, self._duration, now))
        return True

    def _write(self, body: dict[str, Any]) -> None:
        self._attempted = body["spec"]["renewTime"]
        self._observe(read_record(self._cluster.replace(body)))

    def _observe(self, record: LeaseRecord) -> None:
        """Note when the record was first seen as it is."""
        if self._record is None or self._record.version != record.version:
            self._seen_at = self._clock()
        self._record = record

    def _is_free(self) -> bool:
        record = self._record
        assert record is not None  # noqa: S101 - it was just observed
        if not record.holder or (record.holder == self._identity and record.renewed == self._attempted):
            # Nobody's; or ours, by a request of this very candidacy whose answer was lost.
            return True
        lasts = record.duration_seconds or self._duration
        return self._clock() - self._seen_at > lasts

    def _after_stale(self) -> float:
        """The record was changed: if it still says us, only something else in it was edited."""
        if not self._was_held:
            return self._retry * random.uniform(0.2, 0.6)  # noqa: S311 - no secret
        try:
            live = self._cluster.read(self._ref)
        except ClusterError as error:
            return self._after_failure(error, self._clock())
        if live is not None and read_record(live).holder == self._identity:
            self._observe(read_record(live))
            return 0.0
        self._record = read_record(live) if live is not None else None
        self._held_until = float("-inf")
        return 0.0

    def _after_failure(self, error: ClusterError, began: float) -> float:
        self._failure = error
        self._failing_since = began if self._failing_since is None else self._failing_since
        if not self._was_held and (
            not error.retryable or self._clock() - self._failing_since > _PATIENCE * self._duration
        ):
            self._was_held = False
            self._stop_trying()
        return min(self._retry, max(0.0, self._held_until - self._clock())) if self._was_held else self._retry

    def _stop_trying(self) -> None:
        self.lost.set()
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
