"""Rollouts whose deadline passes are seen, also where something happens to others all the time."""

from __future__ import annotations

import threading
import time
from typing import Any

from generator.reconciler.tracker import RolloutTracker
from generator.rollout.status import Expectation, LiveObjects


class EmptyView:
    """A cluster that has nothing yet."""

    def objects_of(self, _name: str, _workload: tuple[str, str]) -> LiveObjects:
        """Nothing."""
        return LiveObjects()


class CountingTracker(RolloutTracker):
    """Remembers what it looked at."""

    def __init__(self, looked: list[str]) -> None:
        view: Any = EmptyView()
        super().__init__(view, make_expectation, lambda _before, _after: None)
        self.looked = looked

    def look(self, name: str) -> Any:
        """And looks."""
        self.looked.append(name)
        return super().look(name)


def make_expectation(name: str) -> Expectation:
    """Of a Deployment that is still to come."""
    return Expectation("test", name, "here", "Deployment", name, 1, 1, 1)


def test_deadlines_are_seen_while_something_happens_to_others_all_the_time() -> None:
    """Nothing happens to the one that hangs: only time tells."""
    tracker = CountingTracker([])
    tracker.touch("hangs")
    tracker.start()
    done = threading.Event()

    def keep_busy() -> None:
        while not done.wait(0.02):
            tracker.touch("busy")

    thread = threading.Thread(target=keep_busy)
    thread.start()
    end = time.monotonic() + 10
    while tracker.looked.count("hangs") < 3 and time.monotonic() < end:
        time.sleep(0.02)
    done.set()
    thread.join()
    tracker.close()
    assert tracker.looked.count("hangs") >= 3
