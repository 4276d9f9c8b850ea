"""The rollouts of one environment, followed as the cluster shows them.

Owns: an assessment for each endpoint that something happens to, its memory, and telling when the answer changes.
Refuses: the assessment itself (`rollout`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from generator.cluster.live_view import LiveView
from generator.errors import RevstampError
from generator.rollout.assess import assess
from generator.rollout.status import Expectation, Memory, Phase, RolloutStatus, Verdict

Expect = Callable[[str], Expectation | None]
"""What git wants of an endpoint; None where nothing is deployed."""


def _ignore_bug(_name: str, _error: Exception) -> None:
    """For whoever only looks once."""


_TICK = 1.0
"""Seconds between looks at unfinished rollouts: deadlines pass without an event."""
_REST = 4.0
"""How many times as long as looking at all of them took pass before the next such look: of thousands, at once, each
takes a millisecond."""


class RolloutTracker:
    """Statuses by endpoint. `on_change(before, after)` is called from the tracker's thread."""

    def __init__(
        self,
        view: LiveView,
        expect: Expect,
        on_change: Callable[[RolloutStatus | None, RolloutStatus], None],
        is_quiet: Callable[[str], bool] = lambda _: False,
        on_bug: Callable[[str, Exception], None] = _ignore_bug,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`is_quiet`: whether an endpoint that was never assessed has nothing to be told about; see `look`."""
        self._view, self._expect, self._on_change, self._now = view, expect, on_change, now
        self._is_quiet, self._on_bug = is_quiet, on_bug
        self._quiet: set[str] = set()
        self._condition = threading.Condition()
        self._looking = threading.RLock()
        """One look at a time, whoever asks for it: an older view must not be written over a newer one."""
        self._touched: set[str] = set()
        self._unseen: dict[str, int] = {}
        self._renewals = 0
        self._statuses: dict[str, RolloutStatus] = {}
        self._memories: dict[str, Memory] = {}
        self._stopped = False
        self._thread: threading.Thread | None = None

    def touch(self, name: str) -> None:
        """Have an endpoint looked at soon."""
        with self._condition:
            self._touched.add(name)
            self._condition.notify()

    def renew(self, names: Iterable[str]) -> None:
        """The same for endpoints of which git wants something else now: what is known of them is old until then."""
        with self._condition:
            self._renewals += 1
            for name in names:
                self._touched.add(name)
                self._unseen[name] = self._renewals
            self._condition.notify()

    def is_current(self, name: str) -> bool:
        """Whether the last answer is about what git wants now."""
        with self._condition:
            return name not in self._unseen

    def find_old(self, names: AbstractSet[str]) -> set[str]:
        """Those of the names of which the last answer is not about what git wants now; quick also for very many."""
        with self._condition:
            return self._unseen.keys() & names

    def status(self, name: str) -> RolloutStatus | None:
        """The last answer."""
        with self._condition:
            return self._statuses.get(name)

    def statuses(self) -> dict[str, RolloutStatus]:
        """All last answers."""
        with self._condition:
            return dict(self._statuses)

    def quiet_count(self) -> int:
        """How many endpoints have never had anything to be told about."""
        with self._condition:
            return len(self._quiet)

    def start(self) -> None:
        """Begin to look, in a thread."""
        self._thread = threading.Thread(target=self._run, name="assess-rollouts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(5)

    def look(self, name: str) -> RolloutStatus | None:
        """Assess one endpoint now; None where nothing is deployed.

        One that is quiet from the start is only counted: of thousands, few roll, and assessing takes milliseconds.
        """
        with self._looking:
            renewal = self._unseen.get(name)
            try:
                if name not in self._memories and self._is_quiet(name):
                    self._keep_quiet(name, renewal)
                    return None
                with self._condition:
                    self._quiet.discard(name)
                expectation = self._expect(name)
            except RevstampError:
                with self._condition:
                    self._quiet.discard(name)  # whether it still has what git wants is not known
                return None
            if expectation is None:
                self._forget(name, renewal)
                return None
            return self._assess(name, expectation, renewal)

    def _assess(self, name: str, expectation: Expectation, renewal: int | None) -> RolloutStatus:
        live = self._view.objects_of(name, (expectation.kind, expectation.workload))
        before = self.status(name)
        after, memory = assess(expectation, live, self._now(), self._remember(name))
        with self._condition:
            self._statuses[name] = after
            self._memories[name] = memory
            self._note_seen(name, renewal)
        if before is None or is_other(before, after):
            self._on_change(before, after)
        return after

    def _keep_quiet(self, name: str, renewal: int | None) -> None:
        with self._condition:
            self._quiet.add(name)
            self._note_seen(name, renewal)

    def _forget(self, name: str, renewal: int | None) -> None:
        with self._condition:
            self._statuses.pop(name, None)
            self._memories.pop(name, None)
            self._note_seen(name, renewal)

    def is_alive(self) -> bool:
        """Whether rollouts are still looked at."""
        return self._thread is None or self._thread.is_alive()

    def _note_seen(self, name: str, renewal: int | None) -> None:
        """Unless it was renewed once more while it was looked at."""
        if self._unseen.get(name) == renewal:
            self._unseen.pop(name, None)

    def _remember(self, name: str) -> Memory:
        """The memory of an endpoint; that it was superseded is not kept, for a revert by hand brings it back."""
        memory = self._memories.get(name, Memory())
        return Memory() if memory.verdict is Verdict.SUPERSEDED else memory

    def _run(self) -> None:
        due = time.monotonic() + _TICK
        while True:
            with self._condition:
                if not self._touched and not self._stopped:
                    self._condition.wait(max(0.0, due - time.monotonic()))
                if self._stopped:
                    return
                names, self._touched = self._touched, set()
                began = time.monotonic()
                is_tick = began >= due  # also where something happens to others all the time
                if is_tick:
                    names = names | {name for name, status in self._statuses.items() if is_unfinished(status)}
            for name in names:
                self._look_safely(name)
            if is_tick:
                ended = time.monotonic()
                due = ended + max(_TICK, _REST * (ended - began))

    def _look_safely(self, name: str) -> None:
        try:
            self.look(name)
        except Exception as error:  # one endpoint's oddity must not leave all others unseen
            self._on_bug(name, error)


def is_unfinished(status: RolloutStatus) -> bool:
    """Whether time alone may change the answer."""
    return not status.verdict.is_final or status.phase not in (Phase.LIVE, Phase.STOPPED)


def is_other(before: RolloutStatus, after: RolloutStatus) -> bool:
    """Whether there is something to tell: another revision, phase, verdict, reason or count."""
    return _gist(before) != _gist(after)


def _gist(status: RolloutStatus) -> tuple[object, ...]:
    reason = status.failure.reason if status.failure else None
    expectation = status.expectation
    return (
        expectation.revision,
        expectation.pod_revision,
        status.phase,
        status.verdict,
        reason,
        status.progress,
        status.newest_live,
        status.serving,
    )
