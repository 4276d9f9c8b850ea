"""The status reader: what the clusters show becomes verdicts in the ledger and rows of the platform.

Owns: one observer an environment, the order in which a row moves on, batches of writes. Refuses: judging
(`judging`), what a row of the platform says (`projection`), and committing (`worker`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from generator.cluster.port import Cluster
from generator.errors import RevstampError, StoreError
from generator.gitops.snapshot import Snapshot
from generator.reconciler.source import BranchSource
from generator.rollout.status import RolloutStatus
from generator.service.committed_files import fleet_at
from generator.service.desired import DesiredEnvironment
from generator.service.fleet import EndpointRef
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.ledger import Ledger
from generator.store.platform import PlatformRows
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Note, Redeployment
from generator.store.states import Kind, State
from generator.worker.judging import judge_endpoint, next_step
from generator.worker.observer import EnvironmentObserver
from generator.worker.projection import Projection

NOT_APPLIED = "NotApplied"
"""Failure reason of a commit that nobody applied within `apply_seconds`."""


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """Times in seconds."""

    apply_seconds: float = 900.0
    """How long a commit may wait for whoever applies it."""
    health_seconds: float = 30.0
    """How often `last_health_check` moves."""
    look_seconds: float = 0.25
    """How often the ledger is asked for what is new in it."""
    applied_seconds: float = 1.0
    """How often the cluster is asked whether a commit is applied, where nothing is seen to happen."""


@dataclass(slots=True)
class _Watched:
    """An environment that is followed."""

    observer: EnvironmentObserver
    is_listed: bool = False
    states: dict[str, EndpointState] = field(default_factory=dict)
    asked: dict[int, float] = field(default_factory=dict)
    """When it was asked last whether a redeployment's commit is applied."""


class StatusReader:
    """Reads all environments of a branch while it leads."""

    def __init__(
        self,
        source: BranchSource,
        ledger: Ledger,
        platform: PlatformRows | None,
        open_cluster: Callable[[str], Cluster],
        log: Any,
        options: ReaderOptions | None = None,
    ) -> None:
        self._ledger, self._queries = ledger, LedgerQueries(ledger.database)
        self._states = EndpointStates(ledger.database)
        self._platform = platform
        self._projection = Projection(platform, self._states, log) if platform is not None else None
        self._open_cluster, self._log = open_cluster, log
        self._options = options or ReaderOptions()
        self._news = threading.Event()
        self._tip: tuple[Snapshot, tuple[str, ...]] | None = None
        """The newest tip, and its environments."""
        self._watched: dict[str, _Watched] = {}
        self._away: dict[str, float] = {}
        self._health_due = 0.0
        source.follow(self._take_tip)

    def nudge(self) -> None:
        """Look at the ledger now."""
        self._news.set()

    def run(self, is_leading: Callable[[], bool], stop: threading.Event) -> None:
        """Read until the lease is lost. What is known only here is forgotten afterwards."""
        try:
            while is_leading() and not stop.is_set():
                self._news.wait(self._options.look_seconds)
                self._news.clear()
                self._turn()
        finally:
            for watched in self._watched.values():
                watched.observer.close()
            self._watched.clear()

    def _take_tip(self, snapshot: Snapshot) -> None:
        try:
            self._tip = (snapshot, fleet_at(snapshot).environment_names())
        except RevstampError as error:  # the last good commit goes on; the fix brings a newer tip
            self._log.error("the tip cannot be read", commit=snapshot.commit, error=error.message, hint=error.hint)
        self._news.set()

    def _turn(self) -> None:
        if self._tip is None:
            return
        self._follow_environments(*self._tip)
        rows: dict[str, dict[str, Redeployment]] = {}
        for row in self._queries.unsettled():
            if row.state is not State.PROPOSED:
                rows.setdefault(row.environment, {})[row.endpoint] = row
        for name, watched in list(self._watched.items()):
            try:
                self._read(watched, rows.get(name, {}))
            except StoreError:
                raise
            except RevstampError as error:
                self._give_up(name, error)
        self._move_health_checks()

    def _follow_environments(self, tip: Snapshot, names: tuple[str, ...]) -> None:
        for name in [name for name in self._watched if name not in names]:
            self._watched.pop(name).observer.close()
        for name in names:
            try:
                self._follow_environment(name, tip)
            except RevstampError as error:
                self._give_up(name, error)

    def _follow_environment(self, name: str, tip: Snapshot) -> None:
        watched = self._watched.get(name)
        if watched is not None and watched.observer.desired.commit == tip.commit:
            return
        if watched is None and time.monotonic() < self._away.get(name, 0.0):
            return
        desired = DesiredEnvironment(tip, name)
        place = (desired.environment.spec.cluster, desired.environment.spec.namespace)
        if watched is not None and watched.observer.place == place:
            watched.observer.move_to(tip)
            return
        if watched is not None:
            self._watched.pop(name).observer.close()
        observer = EnvironmentObserver(self._open_cluster(place[0]), desired, self._news, self._log)
        self._watched[name] = _Watched(observer, states=self._states.load(name))
        observer.start()

    def _give_up(self, name: str, error: RevstampError) -> None:
        """Try an environment again later; the others go on."""
        self._log.warning("environment is away", environment=name, error=error.message, hint=error.hint)
        self._away[name] = time.monotonic() + 5.0
        watched = self._watched.pop(name, None)
        if watched is not None:
            watched.observer.close()

    def _read(self, watched: _Watched, rows: Mapping[str, Redeployment]) -> None:
        observer = watched.observer
        observer.check()
        if not watched.is_listed:
            if not observer.begin(0.05):
                return
            watched.is_listed = True
        observer.watch_closely(rows)
        changed = observer.take_changed()
        fresh: dict[str, EndpointState] = {}
        for name in changed | set(rows):
            state = self._read_endpoint(watched, name, rows.get(name), is_touched=name in changed)
            if state is not None:
                fresh[name] = state
        self._states.write(list(fresh.values()))
        watched.states.update(fresh)

    def _read_endpoint(
        self, watched: _Watched, name: str, row: Redeployment | None, *, is_touched: bool
    ) -> EndpointState | None:
        """Let the endpoint's redeployment go on; what is known of the endpoint where any of it is new."""
        observer = watched.observer
        if row is not None and row.state is State.COMMITTED:
            row = self._check_applied(watched, row, is_touched=is_touched)
        status = observer.look(name)
        if row is not None and row.state in (State.APPLIED, State.PROGRESSING):
            before, row = row.state, self._settle(observer, row, status)
            if row is not None and row.state is not before:  # one look may be worth two steps
                row = self._settle(observer, row, status)
        if observer.is_current(name) or _is_running(row):
            return self._find_news(watched, name, row, status)
        return None

    def _check_applied(self, watched: _Watched, row: Redeployment, *, is_touched: bool) -> Redeployment:
        """Let a committed one be applied, where the cluster carries it; failed, where nobody applies it in time."""
        now, observer = time.monotonic(), watched.observer
        if not is_touched and now - watched.asked.get(row.id, -1e9) < self._options.applied_seconds:
            return row
        watched.asked[row.id] = now
        if observer.is_applied(row.endpoint, row.revision or 0):
            watched.asked.pop(row.id, None)
            observer.tracker.touch(row.endpoint)
            values = {"applied_at": self._ledger.time()}
            return self._ledger.move(row, State.APPLIED, Note("applied", "the cluster carries it"), values) or row
        waited = self._ledger.time() - (row.committed_at or row.created_at)
        if waited > timedelta(seconds=self._options.apply_seconds) and not observer.suspension(row.endpoint):
            given = {
                "failure_reason": NOT_APPLIED,
                "message": f"nobody has applied the commit within {self._options.apply_seconds:.0f} s",
                "hint": "look at the reconciler's log, or at the Application or Kustomization of this environment",
            }
            return self._ledger.move(row, State.FAILED, Note("failed", given["message"]), given) or row
        return row

    def _settle(
        self, observer: EnvironmentObserver, row: Redeployment, status: RolloutStatus | None
    ) -> Redeployment | None:
        if row.kind is Kind.DELETE or (status is None and not observer.has_workload(row.endpoint)):
            if observer.has_objects(row.endpoint):
                return row
            self._ledger.move(row, State.HEALTHY, Note("healthy", "nothing of it is left in the cluster"))
            return None
        step = next_step(row, status) if status is not None else None
        if step is None:
            return row
        if step.state is None:
            self._ledger.change(row, step.values, step.note)
            return row
        moved = self._ledger.move(row, step.state, step.note or Note(step.state.value), step.values)
        return moved if moved is not None and not moved.state.is_final else None

    def _find_news(
        self, watched: _Watched, name: str, row: Redeployment | None, status: RolloutStatus | None
    ) -> EndpointState | None:
        """What is known of an endpoint, with the platform's row written; None where nothing is new."""
        desired, old = watched.observer.desired, watched.states.get(name)
        moment = self._ledger.time()
        state = self._state_of(desired, name, row, status, old or EndpointState(desired.name, name, "", moment))
        if state is None or state == old:
            return None
        state = replace(state, changed_at=moment)
        if self._projection is not None and state.endpoint_id:
            state = self._projection.write(desired, state, status, moment)
        return state

    def _state_of(
        self,
        desired: DesiredEnvironment,
        name: str,
        row: Redeployment | None,
        status: RolloutStatus | None,
        old: EndpointState,
    ) -> EndpointState | None:
        """The state that follows an old one; None where nothing is deployed, or its files cannot be understood."""
        try:
            stamp = desired.fleet.stamp(EndpointRef(desired.name, name))
            identity = desired.find_id(name) or old.endpoint_id
        except RevstampError:
            return None
        if stamp is None and not desired.is_external(name):
            return None
        word = judge_endpoint(status, is_running=_is_running(row))
        revision, is_deleted = (stamp.revision, stamp.deleted) if stamp else (0, False)
        is_of_tip = status is None or (status.newest_live and status.expectation.revision == revision)
        return replace(
            old,
            status=word,
            endpoint_id=identity,
            revision=revision,
            pod_revision=stamp.pod_revision if stamp else 0,
            good_revision=revision if word == "healthy" and is_of_tip and not is_deleted else old.good_revision,
            is_deleted=is_deleted,
            phase=status.phase.value if status else None,
            message=status.failure.cause if status and status.failure else "",
            rollout=status.to_dict() if status else None,
        )

    def _move_health_checks(self) -> None:
        """One statement an environment, whatever happens to its pods."""
        if time.monotonic() < self._health_due:
            return
        self._health_due = time.monotonic() + self._options.health_seconds
        moment = self._ledger.time()
        for name, watched in self._watched.items():
            if not watched.is_listed:
                continue
            self._states.touch(name, watched.states, moment)
            if self._platform is not None:
                ids = [state.endpoint_id for state in watched.states.values() if state.endpoint_id]
                self._platform.touch(ids, moment)


def _is_running(row: Redeployment | None) -> bool:
    """Whether a redeployment that reached git has no verdict yet."""
    return row is not None and row.state is not State.PENDING
