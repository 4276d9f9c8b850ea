"""The worker: whatever is accepted comes to an end, whoever was cut off before.

Owns: the order of its turns: commits, merges, rollbacks that environments ask for. Refuses: clusters (`reader`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from generator.errors import InternalError, RevstampError, StoreError
from generator.gitops.snapshot import Snapshot
from generator.reconciler.source import BranchSource
from generator.service.committed_files import fleet_at
from generator.service.committing import Committer
from generator.service.recording import Asker
from generator.service.redeployments import Redeployments
from generator.store.endpoints import EndpointStates
from generator.store.queries import Filter
from generator.store.redeployment import Note, Redeployment
from generator.store.states import Kind, State
from generator.worker.branch import BranchReader

LEASE = "worker"
"""The lease that a worker holds, and whose claims on redeployments are therefore its own."""

AUTOMATIC = "revstamp <revstamp@localhost>"
"""Who asks for a rollback that the environment's policy asks for."""

_COMMITS = 16
"""Commits that are built at a time: they share their pushes."""

_LOOK_BACK = timedelta(days=1)
"""How old a failure may be that is still rolled back by itself."""


class Worker:
    """Drives the ledger of one repository while it leads."""

    def __init__(
        self, service: Redeployments, source: BranchSource, log: Any, tell_reader: Callable[[], None] = lambda: None
    ) -> None:
        """`tell_reader` is called when a row has come into git: its rollout may have ended by then."""
        self._service, self._source, self._log, self._tell_reader = service, source, log, tell_reader
        self._committer = Committer(service.trunk, service.ledger, LEASE)
        self._branch = BranchReader(service.trunk.repository, service.trunk.branch, service.ledger, log)
        self._states = EndpointStates(service.ledger.database)
        self._news = threading.Event()
        self._tip: Snapshot | None = None
        self._taken: str | None = None
        self._retry_at: dict[int, float] = {}
        self._given_up: set[int] = set()
        """Failed ones that cannot be rolled back."""
        self._merges_due = self._rollbacks_due = 0.0
        source.follow(self._take_tip)

    def nudge(self) -> None:
        """Look at the ledger now."""
        self._news.set()

    def run(self, is_leading: Callable[[], bool], stop: threading.Event) -> None:
        """Work until the lease is lost."""
        with ThreadPoolExecutor(_COMMITS, "commit") as pool:
            while is_leading() and not stop.is_set():
                if not self.turn(pool):
                    self._news.wait(0.2)
                    self._news.clear()

    def turn(self, pool: ThreadPoolExecutor) -> bool:
        """One look at everything; whether anything was done."""
        done = self._commit_pending(pool)
        self._read_branch()
        if time.monotonic() >= self._merges_due:
            self._merges_due = time.monotonic() + 5.0
            self._look_at_proposed()
        if time.monotonic() >= self._rollbacks_due:
            self._rollbacks_due = time.monotonic() + 1.0
            self._roll_back_failed()
        return done

    def _take_tip(self, snapshot: Snapshot) -> None:
        self._tip = snapshot
        self._news.set()

    def _read_branch(self) -> None:
        tip = self._tip
        if tip is not None and tip.commit != self._taken and self._branch.take(tip):
            self._taken = tip.commit
            self._tell_reader()

    def _commit_pending(self, pool: ThreadPoolExecutor) -> bool:
        now = time.monotonic()
        rows = self._service.queries.page(Filter(states=[State.PENDING]), limit=256)
        due = [row for row in reversed(rows) if self._retry_at.get(row.id, 0.0) <= now]
        if not due:
            return False
        for row, after in zip(due, pool.map(self._commit, due), strict=True):
            if after is not None and after.state is State.PENDING:
                self._retry_at[row.id] = time.monotonic() + min(30.0, 0.5 * 2 ** min(row.attempts, 6))
            else:
                self._retry_at.pop(row.id, None)
        self._source.nudge()
        return True

    def _commit(self, row: Redeployment) -> Redeployment | None:
        try:
            after = self._committer.drive(row)
            if after is not None and after.state is State.FAILED:
                self._tell_not_created(after)
            self._tell_reader()
            return after
        except StoreError:
            raise
        except Exception as error:  # one wish's oddity must not keep all others waiting
            bug = InternalError.from_bug(error)
            self._log.error("not committed", redeployment=row.id, error=bug.message, exc_info=error)
            return row

    def _tell_not_created(self, row: Redeployment) -> None:
        """The platform's row of an endpoint that never reached git: nobody else would ever say that it failed."""
        platform = self._service.platform
        if row.kind is Kind.CREATE and platform is not None and row.endpoint_id:
            platform.swap("serving_endpoints", row.endpoint_id, {"status": "deploying"}, {"status": "failed"})

    def _look_at_proposed(self) -> None:
        """A branch that is gone, and whose commit never came onto the trunk, was turned down."""
        tip = self._tip
        for row in self._service.queries.page(Filter(states=[State.PROPOSED])):
            try:
                if tip is None or not row.branch or self._service.trunk.read_branch(row.branch) is not None:
                    continue
            except RevstampError as error:
                self._log.warning("a branch cannot be looked at", branch=row.branch, error=error.message)
                continue
            if self._taken == self._service.trunk.read_tip().commit:
                words = f"the branch {row.branch} was removed without a merge"
                self._service.ledger.move(row, State.REJECTED, Note("rejected", words), {"message": words})

    def _roll_back_failed(self) -> None:
        """What the environments' policies ask for, never twice in a row."""
        if self._tip is None:
            return
        since = self._service.ledger.time() - _LOOK_BACK
        for row in self._service.queries.page(Filter(states=[State.FAILED], since=since)):
            is_open = row.committed_at and row.superseded_by is None and row.id not in self._given_up
            if is_open and self._is_to_roll_back(row):
                self._roll_back(row)

    def _is_to_roll_back(self, row: Redeployment) -> bool:
        if row.kind in (Kind.ROLLBACK, Kind.DELETE) and row.actor == AUTOMATIC:
            return False
        policy = self._policy(row.environment)
        settled = row.settled_at or row.created_at
        if policy is None or self._service.ledger.time() - settled < timedelta(seconds=policy.bake_seconds):
            return False
        newest: Sequence[Redeployment] = self._service.queries.page(Filter(row.environment, row.endpoint), 10)
        living = [one for one in newest if one.state is not State.REFUSED]
        if not living or living[0].id != row.id:
            return False
        state = self._states.find(row.environment, row.endpoint)
        return state is None or state.status != "healthy"

    def _policy(self, environment: str) -> Any:
        if self._tip is None:
            return None
        try:
            policy = fleet_at(self._tip).environment(environment)[0].spec.policies.automatic_rollback
        except RevstampError:
            return None
        return policy if policy.enabled else None

    def _roll_back(self, row: Redeployment) -> None:
        asker = Asker(AUTOMATIC, f"r{row.revision} failed: {row.message}", key=f"automatic-rollback-{row.id}")
        try:
            done = self._service.rollback(row.name, asker, rolls_back=row.id)
            self._log.info("rolled back by itself", endpoint=row.name, failed=row.revision, to=done.row.restores)
        except RevstampError as error:
            self._log.warning("cannot be rolled back", endpoint=row.name, error=error.message, hint=error.hint)
            self._service.ledger.note(row.id, Note("not-rolled-back", error.message))
            self._given_up.add(row.id)
