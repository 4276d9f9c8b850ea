"""Rollouts whose deadline passes are seen, also where much happens, and the newest look counts."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

from generator.errors import InvalidInput
from generator.reconciler.tracker import RolloutTracker
from generator.rollout.status import Expectation, LiveObjects, Phase, RolloutStatus
from tests.cluster.objects import deployment


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


class ChangingView:
    """A view whose first answer, which is slow, shows no workload; later ones show it."""

    def __init__(self) -> None:
        self.asked, self.may_answer = 0, threading.Event()

    def objects_of(self, name: str, _: tuple[str, str]) -> LiveObjects:
        """What is there when it is asked for."""
        self.asked += 1
        if self.asked > 1:
            body = deployment("here")
            return LiveObjects({**body, "metadata": {**body["metadata"], "name": name}}, None, (), (), ())
        assert self.may_answer.wait(30)
        return LiveObjects(None, None, (), (), ())


def test_what_was_seen_earlier_is_not_written_over_what_was_seen_later() -> None:
    """Several threads may look at one endpoint: the tracker's own, and one that waits for a rollout."""
    view: Any = ChangingView()
    seen: list[RolloutStatus] = []
    tracker = RolloutTracker(view, make_expectation, lambda _, after: seen.append(after))
    slow, quick = (threading.Thread(target=tracker.look, args=("chat",)) for _ in range(2))
    slow.start()
    while not view.asked:
        time.sleep(0.01)
    quick.start()
    quick.join(0.5)
    view.may_answer.set()
    slow.join(30)
    quick.join(30)
    last = tracker.status("chat")
    assert last is not None
    assert [status.phase for status in seen] == [Phase.NOT_APPLIED, Phase.STARTING]
    assert last.phase is Phase.STARTING


def test_an_endpoint_whose_files_can_no_longer_be_read_is_not_counted_as_quiet() -> None:
    """Whether it still has what git wants is not known."""
    view, is_readable = EmptyView(), True

    def is_quiet(name: str) -> bool:
        if not is_readable:
            raise InvalidInput(f"{name} cannot be read")
        return True

    tracker = RolloutTracker(cast(Any, view), make_expectation, lambda _before, _after: None, is_quiet)
    assert tracker.look("chat") is None
    assert tracker.quiet_count() == 1
    is_readable = False
    assert tracker.look("chat") is None
    assert tracker.quiet_count() == 0
