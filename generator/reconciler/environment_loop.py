"""One environment for ever: connect, lead, work, and begin again after whatever went wrong.

Owns: back-off, leadership, and what `/readyz` says about the environment. Refuses: the work itself
(`watched_environment`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from generator.cluster.lease import LeaderLease
from generator.cluster.port import Cluster
from generator.errors import ClusterError, InternalError, NotLeading, RevstampError
from generator.gitops.snapshot import Snapshot
from generator.reconciler.fence import FencedCluster
from generator.reconciler.metrics import Metrics
from generator.reconciler.watched_environment import LoopOptions, WatchedEnvironment
from generator.service.desired import DesiredEnvironment

OpenCluster = Callable[[str], Cluster]
"""A cluster by the name that environments give it. ClusterNotConfigured where settings do not know it."""

_LONGEST_PAUSE = 30.0
"""Seconds between two attempts while a cluster is away."""


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """What `/readyz` tells of an environment. `since` is monotonic: since when it is so."""

    state: str
    """`starting`, `standby` (another instance leads), `leading`, `failing`."""
    since: float
    error: str = ""
    commit: str = ""
    is_away: bool = False
    """Whether it is the cluster that makes it fail."""


class EnvironmentLoop:
    """Follows one environment in a thread of its own, so that no other one waits for its cluster."""

    def __init__(
        self,
        name: str,
        open_cluster: OpenCluster,
        identity: str,
        metrics: Metrics,
        log: Any,
        options: LoopOptions,
    ) -> None:
        self.name = name
        self._open, self._identity, self._metrics, self._options = open_cluster, identity, metrics, options
        self._log = log.bind(environment=name)
        self._lock = threading.Lock()
        self._tip: Snapshot | None = None
        self._arrived = threading.Event()
        self._stop = threading.Event()
        self._state = EnvironmentState("starting", time.monotonic())
        self._term: WatchedEnvironment | None = None
        self._lease: LeaderLease | None = None
        self._moved = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name=f"environment-{name}", daemon=True)

    @property
    def state(self) -> EnvironmentState:
        """How it is doing. A cluster that is away shows at the lease first, which is renewed all the time."""
        with self._lock:
            state, lease = self._state, self._lease
        if lease is None or lease.failure is None or state.state not in ("standby", "leading"):
            return state
        since = time.monotonic() - lease.failing_seconds
        return EnvironmentState("failing", since, lease.failure.message, state.commit, is_away=True)

    @property
    def term(self) -> WatchedEnvironment | None:
        """The work of the current term, while this instance leads."""
        with self._lock:
            return self._term

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, and give the lease back."""
        self._stop.set()
        self._arrived.set()
        self._moved.set()
        if self._thread.ident is not None:
            self._thread.join(20)

    def move_to(self, snapshot: Snapshot) -> None:
        """Take a newer tip."""
        with self._lock:
            self._tip, term = snapshot, self._term
        self._arrived.set()
        self._moved.set()
        if term is not None:
            term.move_to(snapshot)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._arrived.wait()
            if self._stop.is_set():
                return
            began = time.monotonic()
            self._moved.clear()
            try:
                self._serve()
                failures = 0
            except NotLeading as error:
                self._log.warning("leadership lost", reason=error.message)
                if not self.state.is_away:
                    self._set_state("starting", error.message)
                failures = 0
                self._stop.wait(0.5)
            except Exception as error:
                failures = 1 if time.monotonic() - began > _LONGEST_PAUSE else failures + 1
                self._note_failure(error)
                # A newer commit may be the fix.
                self._moved.wait(min(_LONGEST_PAUSE, 0.5 * 2 ** min(failures, 8)))
            finally:
                self._metrics.forget(self.name)

    def _serve(self) -> None:
        """One connection: wait for leadership, then work until something is lost."""
        with self._lock:
            snapshot = self._tip
        if snapshot is None:
            return
        tip = DesiredEnvironment(snapshot, self.name)
        spec = tip.environment.spec
        cluster = self._open(spec.cluster)
        cluster.version()
        self._set_state("standby")
        lease = LeaderLease(cluster, spec.namespace, f"revstamp-{self.name}", self._identity)
        with self._lock:
            self._lease = lease
        lease.start()
        try:
            if lease.wait_until_held(self._stop):
                self._lead(cluster, lease, (spec.cluster, spec.namespace))
        finally:
            self._note_end(lease)
            lease.close()

    def _note_end(self, lease: LeaderLease) -> None:
        """Nothing is led here from now on, though giving the lease back may take a while."""
        with self._lock:
            self._lease = None
            since, error = time.monotonic() - lease.failing_seconds, lease.failure
            if error is not None:
                self._state = EnvironmentState("failing", since, error.message, self._state.commit, is_away=True)
            else:
                self._state = EnvironmentState("starting", since, "", self._state.commit)

    def _lead(self, cluster: Cluster, lease: LeaderLease, place: tuple[str, str]) -> None:
        """Work for one term. Not where the environment has moved while the lease was waited for: that is another's."""
        with self._lock:
            snapshot = self._tip
            assert snapshot is not None  # noqa: S101 - it was there before the lease was waited for
            tip = DesiredEnvironment(snapshot, self.name)
            if (tip.environment.spec.cluster, tip.environment.spec.namespace) != place:
                return
            fenced = FencedCluster(cluster, lease.is_held)
            term = WatchedEnvironment(fenced, tip, self._metrics, self._log, self._options, lease.is_held)
            self._term = term
        self._set_state("leading", commit=tip.commit)
        self._told = ""
        self._metrics.leading.labels(self.name).set(1)
        self._log.info("leading", identity=self._identity, cluster=cluster.name, commit=tip.commit[:10])
        try:
            term.run(self._stop)
        finally:
            with self._lock:
                self._term = None

    def _set_state(self, state: str, error: str = "", commit: str = "", *, is_away: bool = False) -> None:
        with self._lock:
            if state != self._state.state:
                self._state = EnvironmentState(state, time.monotonic(), error, commit, is_away)
            else:
                commit = commit or self._state.commit
                self._state = replace(self._state, error=error, commit=commit, is_away=is_away)

    def _note_failure(self, error: Exception) -> None:
        known = error if isinstance(error, RevstampError) else InternalError.from_bug(error)
        same, self._told = self._told == known.message, known.message
        self._set_state("failing", known.message, is_away=isinstance(known, ClusterError))
        self._metrics.failures.labels(self.name, known.code).inc()
        if same:
            return
        if known is error:
            self._log.error("environment fails", error=known.message, hint=known.hint)
        else:
            self._log.error("bug of revstamp", error=known.message, exc_info=error)
