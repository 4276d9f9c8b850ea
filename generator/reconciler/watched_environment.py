"""One environment while this instance leads it: watches, workers, rollouts, the record.

Owns: the threads of one term of leadership, and that they end together. Refuses: becoming the leader
(`environment_loop`), and what one endpoint's pass does (`environment_sync`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from generator.cluster.endpoint_pass import is_swapping
from generator.cluster.live_view import LiveView
from generator.cluster.port import Cluster
from generator.cluster.record import read_record
from generator.errors import InternalError, NotLeading, RevstampError
from generator.gitops.snapshot import Snapshot
from generator.reconciler.endpoint_result import EndpointResult
from generator.reconciler.environment_sync import READ_AHEAD, EnvironmentSync
from generator.reconciler.metrics import Metrics
from generator.reconciler.pass_log import PassLog
from generator.reconciler.prune_gate import UNJUDGED
from generator.reconciler.record_keeper import RecordKeeper
from generator.reconciler.slots import RolloutSlots
from generator.reconciler.tracker import RolloutTracker
from generator.reconciler.work_queue import WorkQueue
from generator.rollout.status import Expectation, Phase, RolloutStatus, Verdict
from generator.service.desired import DesiredEnvironment
from generator.service.expectation import Expectations

_COMMIT = "commit"
"""Why a pass begins: what it is about goes before every other pass."""
_SWAP_SECONDS = 0.2
"""Between an event of an endpoint whose workloads swap places and the next pass over it: events come in bunches."""
_JOIN_SECONDS = 10.0
"""How long the end of a term waits for its workers; one that hangs in a request writes nothing afterwards."""


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How an environment is followed; times in seconds."""

    workers: int = 8
    full_pass_seconds: float = 600.0
    retry_first: float = 1.0
    retry_longest: float = 300.0


class WatchedEnvironment:
    """Works from `start` to `close`; `run` returns when leadership, a watch or the place of the environment is lost."""

    def __init__(
        self,
        cluster: Cluster,
        tip: DesiredEnvironment,
        metrics: Metrics,
        log: Any,
        options: LoopOptions,
        is_leading: Callable[[], bool],
    ) -> None:
        spec = tip.environment.spec
        self.name, self.namespace, self.place = tip.name, spec.namespace, (spec.cluster, spec.namespace)
        self.cluster, self.metrics, self.log, self.options = cluster, metrics, log, options
        self._is_leading = is_leading
        self.told = PassLog(tip.name, metrics, log)
        self.queue = WorkQueue(options.retry_first, options.retry_longest)
        self.slots = RolloutSlots(spec.policies.max_concurrent_rollouts)
        self.sync = EnvironmentSync(cluster, tip, slots=self.slots, notify=self.queue.add, is_failing=self._is_failing)
        self.view = LiveView(cluster, spec.namespace, notify=self._touch, listener=self.sync.index)
        self.tracker = RolloutTracker(self.view, self._expect, self._note_status, self._is_quiet, self.told.tell_bug)
        self._suspended: set[str] = set()
        self._swapping: set[str] = set()
        """Endpoints whose old workload waits for the new one."""
        self._record = RecordKeeper(self.sync, self.queue.is_busy, log)
        self._unjudged = threading.Event()
        self._awaited: dict[str, float] = {}
        """By endpoint that a commit changed: when that was seen first."""
        self._expectations = Expectations()
        self._touched_at: dict[str, tuple[int, datetime]] = {}
        """By endpoint: the pod revision, and when it was first applied."""
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._next: DesiredEnvironment | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def _touch(self, name: str) -> None:
        self.tracker.touch(name)
        if name in self._swapping:
            self.queue.add(name, _SWAP_SECONDS)  # any event may say that the new workload serves

    def move_to(self, snapshot: Snapshot) -> None:
        """Take a newer tip; from any thread."""
        with self._lock:
            self._next = DesiredEnvironment(snapshot, self.name, self.sync.desired)
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Work until something is lost. Raises what a watch or the record failed with."""
        try:
            self.view.start()
            while not self.view.wait_until_listed(0.5):
                if stop.is_set():
                    return
                self._check_leading()
            self.sync.record = read_record(self.cluster, self.name, self.namespace)
            self._resume_rollouts(stop)
            self.tracker.start()
            self._start_pass("start")
            for number in range(self.options.workers):
                thread = threading.Thread(target=self._work, name=f"apply-{self.name}-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._loop(stop)
        finally:
            try:
                self._finish_record()
            finally:
                self.close()

    def _finish_record(self) -> None:
        """Not beside a write that is still under way: what it comes to is not known. Without workers nothing is new."""
        at_rest = self._end_work()
        if at_rest and self._threads and self.view.failure is None and self._is_leading():
            self._record.finish()

    def close(self) -> None:
        """End all threads of this term."""
        self._end_work()
        self.tracker.close()
        self.view.close()

    def _end_work(self) -> bool:
        """Whether all workers have ended; they are waited for once."""
        if not self._stop.is_set():
            self._stop.set()
            self.queue.close()
            end = time.monotonic() + _JOIN_SECONDS
            for thread in self._threads:
                thread.join(max(0.1, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _check_leading(self) -> None:
        if not self._is_leading():
            raise NotLeading(f"environment {self.name}: the lease is lost")

    def _loop(self, stop: threading.Event) -> None:
        full_at = time.monotonic() + self.options.full_pass_seconds
        while not stop.is_set() and not self._stop.is_set():
            self._wake.wait(0.5)
            self._wake.clear()
            if self.view.failure is not None:
                raise self.view.failure
            self._check_leading()
            with self._lock:
                tip, self._next = self._next, None
            if tip is not None and not self._take_tip(tip):
                return
            if time.monotonic() >= full_at:
                full_at = time.monotonic() + self.options.full_pass_seconds
                self._start_pass("periodic")
            if self._unjudged.is_set():
                self._unjudged.clear()
                self._begin(self.sync.pending(), "leftovers")
            if not self.tracker.is_alive():
                raise InternalError(f"environment {self.name}: rollouts are not followed any more")
            self._record.save()
            if not len(self.queue):
                self.sync.end_pass()
            self._count()

    def _take_tip(self, tip: DesiredEnvironment) -> bool:
        """Work towards another commit; False where its environment is in another place."""
        old = self.sync.desired
        try:
            spec = tip.environment.spec
        except RevstampError as error:
            self.log.error("environment file is wrong", commit=tip.commit[:10], error=error.message, hint=error.hint)
            self.metrics.failures.labels(self.name, error.code).inc()
            return True  # the last good commit goes on; the fix brings a newer tip
        if (spec.cluster, spec.namespace) != self.place:
            words = f"cluster {self.place[0]}, namespace {self.place[1]}"
            self.log.warning("environment has moved; what runs in the old place stays there", old=words)
            return False
        changed = tip.changed_since(old)
        everything = tip.environment_trace != old.environment_trace
        self._record.note()
        self.sync.move_to(tip)
        for name in self.slots.set_limit(spec.policies.max_concurrent_rollouts):
            self.queue.add(name)
        names = self.sync.everything() if everything else changed
        for name in names:
            self._awaited.setdefault(name, time.monotonic())
        self._begin(names, _COMMIT)
        return True

    def _start_pass(self, why: str) -> None:
        self._begin(self.sync.everything(), why)

    def _begin(self, names: tuple[str, ...], why: str) -> None:
        commit = self.sync.desired.commit
        refusal = self.sync.judge_pruning()
        if refusal is not None:
            self.log.error("nothing is pruned", commit=commit[:10], error=refusal.message, hint=refusal.hint)
            self.metrics.failures.labels(self.name, refusal.code).inc()
        self.sync.begin_pass(len(names))
        is_commit = why == _COMMIT
        if names or is_commit:
            self.log.info("pass", why=why, commit=commit[:10], endpoints=len(names))
        for name in names:
            if is_commit:
                self.queue.succeed(name)  # it may be the fix: no back-off from what failed before
                self.queue.add(name)
            else:
                self.queue.add_idle(name)
            self.tracker.touch(name)
        if not names:
            self._record.ask()  # else each endpoint's pass asks for it

    def _work(self) -> None:
        while (name := self.queue.take()) is not None:
            try:
                if self._is_leading():
                    self._apply(name)
            except NotLeading:
                self._wake.set()
            except Exception as error:  # a bug must not end the worker: every other endpoint needs it
                self.told.tell_bug(name, error)
                self.queue.retry(name)
            finally:
                self.queue.done(name)

    def _apply(self, name: str) -> None:
        result = self.sync.sync(name)
        _keep(self._suspended, name, there="suspended" in result.held)
        if name in self._suspended:
            self._awaited.pop(name, None)  # nobody waits for it
        self._note_swap(name, result)
        if result.changes.touched and self._applied_at(name, result.pod_revision) is None:
            self._touched_at[name] = (result.pod_revision, datetime.now(UTC))  # an HPA put right later moves nothing
        if isinstance(result.error, NotLeading) or any(
            isinstance(change.error, NotLeading) for change in result.changes.failed
        ):
            raise NotLeading("the lease is lost")
        self.told.tell_result(result)
        if result.is_complete:
            self.queue.succeed(name)
            self._count_lag(name)
        elif result.error is not None or result.changes.failed:
            self.queue.retry(name)
        elif any(change.reason == UNJUDGED for change in result.changes):
            self._unjudged.set()  # something came up that git does not have: look through all of it
            self._wake.set()
        self.tracker.touch(name)
        self._record.ask()

    def _note_swap(self, name: str, result: EndpointResult) -> None:
        """What fails comes again by its own delay, not by each event of its pods."""
        swaps = is_swapping(result.changes) and result.error is None and not result.changes.failed
        if swaps and name not in self._swapping:
            self.queue.add(name, _SWAP_SECONDS)  # what happened during this pass was not known to be waited for
        _keep(self._swapping, name, there=swaps)

    def _count_lag(self, name: str) -> None:
        """Since the first commit that the endpoint had not come up with, unless a newer one waits already."""
        seen_at = self._awaited.get(name)
        if seen_at is not None and self.sync.is_done(name):
            self._awaited.pop(name, None)
            self.metrics.lag.labels(self.name).observe(time.monotonic() - seen_at)

    def _expect(self, name: str) -> Expectation | None:
        """What git wants of an endpoint, and since when it is there."""
        expectation = self._expectations.find(self.sync.desired, name)
        if expectation is None:
            return None
        return replace(expectation, applied_at=self._applied_at(name, expectation.pod_revision))

    def _applied_at(self, name: str, pod_revision: int) -> datetime | None:
        known, at = self._touched_at.get(name, (None, None))
        return at if known == pod_revision else None

    def _is_quiet(self, name: str) -> bool:
        """Whether the endpoint's Deployments have all that they and git ask for, of the pod revision that git wants.

        Not while it has a slot: that its rollout has ended is to be told, also where it was quicker than we look.
        """
        if name in self.slots.holders():
            return False
        pods = self.sync.desired.find_pods(name)
        if pods is None:
            return False
        count = self.view.count_complete(name, str(pods.revision))
        return count is not None and count >= pods.least

    def _is_failing(self, name: str) -> bool:
        status = self.tracker.status(name)
        return status is not None and status.verdict in (Verdict.FAILING, Verdict.FAILED)

    def _resume_rollouts(self, stop: threading.Event) -> None:
        """Rollouts that an earlier term has begun keep their slots."""
        names = self.view.endpoints()
        for number, name in enumerate(names):
            if number % READ_AHEAD == 0:
                self._check_leading()
                self.sync.desired.read_ahead(names[number : number + READ_AHEAD])
            if stop.is_set():
                return
            status = self.tracker.look(name)
            if status is not None and _is_rolling(status):
                self.slots.hold(name, status.expectation.pod_revision)

    def _note_status(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        name = after.expectation.endpoint
        self.told.tell_status(before, after)
        if after.verdict in (Verdict.HEALTHY, Verdict.FAILED):  # superseded is what a revert looks like at first
            self.told.count_end(before, after)
            for waiting in self.slots.release(name, after.expectation.pod_revision):
                self.queue.add(waiting)

    def _count(self) -> None:
        self.metrics.queue.labels(self.name).set(len(self.queue))
        self.metrics.behind.labels(self.name).set(len(self.sync.pending()))
        self.metrics.slots_waiting.labels(self.name).set(len(self.slots.waiting()))
        self.metrics.suspended.labels(self.name).set(len(self._suspended))
        counts = Counter(status.verdict for status in self.tracker.statuses().values())
        counts[Verdict.HEALTHY] += self.tracker.quiet_count()
        for verdict in Verdict:
            self.metrics.rollouts.labels(self.name, verdict.value).set(counts[verdict])


def _keep(names: set[str], name: str, *, there: bool) -> None:
    """Each step by itself, since others count them meanwhile."""
    if there:
        names.add(name)
    else:
        names.discard(name)


def _is_rolling(status: RolloutStatus) -> bool:
    return not status.verdict.is_final and status.phase is not Phase.NOT_APPLIED
