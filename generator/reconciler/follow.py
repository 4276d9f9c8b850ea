"""Following rollouts until there is a verdict on each.

Owns: the wait of `apply --wait`, `watch` and `status`. Refuses: how it is shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from generator.cluster.live_view import LiveView
from generator.cluster.port import Cluster
from generator.reconciler.tracker import RolloutTracker
from generator.rollout.status import Expectation, RolloutStatus

OnChange = Callable[[RolloutStatus | None, RolloutStatus], None]


def ignore_change(_before: RolloutStatus | None, _after: RolloutStatus) -> None:
    """For whoever only looks."""


class RolloutFollower:
    """Follows endpoints of one namespace. Use as a context manager; `on_change` comes from a thread of its own."""

    def __init__(self, cluster: Cluster, namespace: str, *, endpoint: str = "", on_change: OnChange) -> None:
        """`endpoint`: the only one that is followed, which keeps the watches small; empty for several."""
        self._condition = threading.Condition()
        self._wanted: dict[str, Expectation] = {}
        self._on_change = on_change
        self.view = LiveView(cluster, namespace, endpoint=endpoint, notify=self._touch)
        self.tracker = RolloutTracker(self.view, self._wanted_of, self._changed)

    def __enter__(self) -> RolloutFollower:
        self.view.start()
        try:
            self.view.wait_until_listed()
        except BaseException:
            self.view.close()
            raise
        self.tracker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.tracker.close()
        self.view.close()

    def follow(self, expectations: Mapping[str, Expectation]) -> None:
        """Follow these too, from now on."""
        with self._condition:
            self._wanted.update(expectations)
        for name in expectations:
            self.tracker.touch(name)

    def look(self) -> dict[str, RolloutStatus]:
        """Assess all that are followed, now."""
        with self._condition:
            names = tuple(self._wanted)
        return {name: status for name in names if (status := self.tracker.look(name)) is not None}

    def wait(self, seconds: float | None, is_done: Callable[[Mapping[str, RolloutStatus]], bool]) -> bool:
        """Wait until `is_done` says so of the statuses; False where the time is over. Raises what a watch met."""
        end = None if seconds is None else time.monotonic() + seconds
        with self._condition:
            while True:
                if self.view.failure is not None:
                    raise self.view.failure
                statuses = self.tracker.statuses()
                if self._wanted.keys() <= statuses.keys() and is_done(statuses):
                    return True
                rest = 0.5 if end is None else min(0.5, end - time.monotonic())
                if rest <= 0:
                    return False
                self._condition.wait(rest)

    def _touch(self, name: str) -> None:
        self.tracker.touch(name)

    def _wanted_of(self, name: str) -> Expectation | None:
        with self._condition:
            return self._wanted.get(name)

    def _changed(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        self._on_change(before, after)
        with self._condition:
            self._condition.notify_all()


def all_final(statuses: Mapping[str, RolloutStatus]) -> bool:
    """Whether there is a verdict on each."""
    return all(status.verdict.is_final for status in statuses.values())
