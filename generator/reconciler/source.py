"""The branch that is followed.

Owns: knowing its tip: by a nudge from whoever pushed, by a forge's webhook, by a poll as a safety net; back-off while
the remote is away. Refuses: reading what the commits hold.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from generator.errors import InternalError, RevstampError, StorageFailed
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot

_LONGEST_PAUSE = 60.0
"""Seconds between two attempts while the remote is away."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """How well the branch is known. `checked_at` is monotonic; `failing_since` too, None while all is well."""

    commit: str | None = None
    checked_at: float | None = None
    failing_since: float | None = None
    error: str = ""
    failures: int = 0


def _ignore(_error: RevstampError, _pause: float) -> None:
    """For whoever does not care."""


class BranchSource:
    """Follows one branch of a repository: of its remote where there is one, else the local branch itself."""

    def __init__(
        self,
        repository: Repository,
        branch: str,
        remote: Remote | None,
        poll_seconds: float,
        *,
        on_failure: Callable[[RevstampError, float], None] = _ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.repository = repository
        self.branch = branch
        self.remote = remote
        self._poll = poll_seconds
        self._on_failure = on_failure
        self._clock = clock
        self._condition = threading.Condition()
        self._state = SourceState()
        self._nudged = True
        self._stopped = False
        self._followers: list[Callable[[Snapshot], None]] = []
        self._thread: threading.Thread | None = None

    def follow(self, follower: Callable[[Snapshot], None]) -> None:
        """Have a function told of each new tip, from the source's thread."""
        self._followers.append(follower)

    @property
    def state(self) -> SourceState:
        """How well the branch is known."""
        with self._condition:
            return self._state

    def nudge(self) -> None:
        """Look at the branch now."""
        with self._condition:
            self._nudged = True
            self._condition.notify_all()

    def start(self) -> None:
        """Begin to follow, in a thread."""
        self._thread = threading.Thread(target=self._run, name="follow-branch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(5)

    def refresh(self) -> Snapshot | None:
        """Look at the branch once. Raises what fetching raises; None where the branch has no commit yet."""
        tip = self.remote.fetch(self.repository) if self.remote else self.repository.tip(self.branch)
        return self.repository.snapshot(tip) if tip is not None else None

    def _run(self) -> None:
        while True:
            pause = self._look()
            with self._condition:
                if not self._nudged and not self._stopped:
                    self._condition.wait(pause)
                if self._stopped:
                    return
                self._nudged = False

    def _look(self) -> float:
        """One look; the pause until the next one, in seconds."""
        before = self.state
        try:
            tip = self.refresh()
        except RevstampError as error:
            return self._note_failure(before, error)
        except OSError as error:
            return self._note_failure(before, StorageFailed.from_os(error))
        commit = tip.commit if tip is not None else None
        with self._condition:
            self._state = SourceState(commit, self._clock())
        if tip is not None and commit != before.commit:
            try:
                for follower in self._followers:
                    follower(tip)
            except Exception as error:  # whatever it is, the branch has to be followed on, and it has to be seen
                with self._condition:
                    self._state = before  # so that the tip is told again
                return self._note_failure(before, InternalError.from_bug(error))
        return self._poll

    def _note_failure(self, before: SourceState, error: RevstampError) -> float:
        failures = before.failures + 1
        pause = min(_LONGEST_PAUSE, self._poll, float(2 ** min(failures - 1, 10)))
        since = before.failing_since if before.failing_since is not None else self._clock()
        with self._condition:
            self._state = SourceState(before.commit, before.checked_at, since, error.message, failures)
        self._on_failure(error, pause)
        return pause
