"""One batch of changes onto one branch: build, publish, and again on a newer tip where the race was lost.

Owns: what is built on what, and that either all of a batch is in or nothing of it. Refuses: threads; the broker
brings the batch, and holds the branch's lock while it is worked on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from generator.errors import GitError, RemoteUnavailable, RevstampError
from generator.gitops.changes import Change, CommitResult
from generator.gitops.lock import hold_lock
from generator.gitops.maintenance import repack_if_due
from generator.gitops.refs import RefMoved, RefUpdate
from generator.gitops.remote import PushResult, Remote
from generator.gitops.repository import Repository
from generator.gitops.requests import RequestIndex

Outcome = CommitResult | Exception


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often. Times are in seconds.

    `lock_time` covers the pushes of other processes that are before us; `attempts` pushes with pauses from `pause`,
    doubling up to two seconds, outlast some ten foreign pushes in a row; `linger` lets a burst share its first push.
    """

    lock_time: float = 120.0
    attempts: int = 8
    pause: float = 0.1
    linger: float = 0.02


@dataclass(slots=True)
class _Built:
    """The commits of a batch on one base. Outcomes are told only when it is known whether they are in."""

    base: str | None
    tip: str | None
    outcomes: list[Outcome] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    found_done: bool = False


class Publisher:
    """Puts batches onto a branch: the local one, or the remote's where there is a remote.

    `choose_base` gets the remote's tip (without a remote the branch's) and says what to build on, for a clone with
    commits of its own; `before_publish` gets base and new tip right before anything moves.
    """

    def __init__(
        self,
        repository: Repository,
        branch: str,
        remote: Remote | None,
        *,
        limits: Limits,
        choose_base: Callable[[str | None], str | None] | None = None,
        before_publish: Callable[[str | None, str], None] | None = None,
    ) -> None:
        self._repository = repository
        self._branch = branch
        self._remote = remote
        self._limits = limits
        self._choose_base = choose_base or (lambda tip: tip)
        self._before_publish = before_publish or (lambda _base, _tip: None)
        self._requests = RequestIndex(repository)
        self._reverted = repository.reverted(branch)
        self._has_fetched = False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the branch against every other process on this git directory."""
        path = self._repository.git_dir / "revstamp" / f"{quote(self._branch, safe='')}.lock"
        with hold_lock(path, self._limits.lock_time, f"somebody else is committing to {self._branch}"):
            if self._repository.is_bare:
                tracking = [self._remote.tracking] if self._remote else []
                self._repository.refs.remove_stale_locks([f"refs/heads/{self._branch}", *tracking])
            yield

    def read_tip(self, refresh: bool = False) -> str | None:
        """Where the branch is as far as known; asks the remote at first use and when told to."""
        if self._remote is None:
            return self._repository.tip(self._branch)
        if refresh or not self._has_fetched:
            tip = self._remote.fetch(self._repository)
            self._has_fetched = True
            return tip
        return self._remote.known_tip(self._repository)

    def publish(self, changes: Sequence[Change], refresh: bool = False) -> list[Outcome]:
        """One outcome per change, in order. Raises what concerns all of them, with nothing moved."""
        tip = self.read_tip(refresh)
        for attempt in range(self._limits.attempts):
            built = self._build(changes, self._choose_base(tip))
            if built.tip is None or not (built.made or (built.found_done and built.tip != tip)):
                return built.outcomes
            try:
                self._before_publish(built.base, built.tip)
                result = self._move(built.tip, tip)
            except RevstampError as error:
                return [_blame(outcome, error, built.base) for outcome in built.outcomes]
            if not result.moved:
                return self._conclude(built, built.tip, result)
            time.sleep(min(self._limits.pause * 2**attempt, 2.0) * random.uniform(0.5, 1.0))  # noqa: S311 - a pause
            tip = self.read_tip(refresh=True)
        raise RemoteUnavailable(
            f"{self._branch} was moved by others {self._limits.attempts} times while this commit was being pushed",
            hint="nothing was pushed; try again",
        )

    def _build(self, changes: Sequence[Change], base: str | None) -> _Built:
        self._requests.follow(base)
        built = _Built(base, base)
        for change in changes:
            try:
                built.outcomes.append(self._build_one(change, built))
            except Exception as error:
                built.outcomes.append(error)
        return built

    def _build_one(self, change: Change, built: _Built) -> CommitResult:
        done = self._requests.find(change.request_id)
        built.found_done = built.found_done or done is not None
        done = done or built.made.get(change.request_id)
        if done:
            return CommitResult(done, self._read_parent(done), built.base, self._remote is not None)
        snapshot = self._repository.snapshot(built.tip)
        proposal = change.build(snapshot)
        tree = self._repository.write_tree(snapshot.tree, proposal.change) if proposal else snapshot.tree
        if proposal is None or tree == snapshot.tree:
            return CommitResult(None, built.tip, built.base, self._remote is not None)
        message = proposal.message.with_request(change.request_id)
        parents = [built.tip] if built.tip else []
        commit = self._repository.write_commit(tree, parents, message, proposal.author)
        self._reverted.follow(built.tip, commit)
        built.made[change.request_id] = commit
        result = CommitResult(commit, built.tip, commit, self._remote is not None)
        built.tip = commit
        return result

    def _move(self, new: str, old: str | None) -> PushResult:
        if self._remote is not None:
            return self._remote.push(self._repository, new, old)
        updates = [RefUpdate(f"refs/heads/{self._branch}", new, old), *self._reverted.advance(old, new)]
        try:
            self._repository.refs.move(updates, "revstamp: commit")
        except RefMoved:
            return PushResult(moved=True)
        return PushResult(moved=False)

    def _conclude(self, built: _Built, tip: str, result: PushResult) -> list[Outcome]:
        self._requests.advance(built.made, tip)
        if self._remote is not None:
            updates = self._reverted.advance(built.base, tip)
            with suppress(GitError):  # the commits are in; a bookkeeping that stays behind is caught up later
                if updates:
                    self._repository.refs.move(updates, "revstamp: verified")
        if self._repository.objects.written > 500:
            self._repository.objects.written = 0
            repack_if_due(self._repository)
        return [
            outcome
            if isinstance(outcome, Exception)
            else CommitResult(outcome.commit, outcome.parent, tip, outcome.pushed, result.link, result.messages)
            for outcome in built.outcomes
        ]

    def _read_parent(self, commit: str) -> str | None:
        found = next(self._repository.commits(until=commit, limit=1))
        return found.parents[0] if found.parents else None


def _blame(outcome: Outcome, error: RevstampError, base: str | None) -> Outcome:
    """What a refused push means for one change: nothing to those that failed by themselves or needed no commit."""
    if isinstance(outcome, Exception) or (outcome.unchanged and outcome.parent == base):
        return outcome
    return error
