"""Each name once, with back-off for what fails."""

from __future__ import annotations

import threading

from generator.reconciler.work_queue import PATIENCE, WorkQueue


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_name_that_is_added_twice_comes_once() -> None:
    """Ten events about one endpoint are one look at it."""
    queue = WorkQueue()
    for _ in range(10):
        queue.add("chat")
    assert queue.take(0) == "chat"
    assert queue.take(0) is None


def test_a_name_is_not_worked_on_twice_at_a_time_and_comes_again_afterwards() -> None:
    """What happens during the work is looked at after it."""
    queue = WorkQueue()
    queue.add("chat")
    assert queue.take(0) == "chat"
    queue.add("chat")
    assert queue.take(0) is None
    queue.done("chat")
    assert queue.take(0) == "chat"


def test_what_is_due_sooner_comes_first() -> None:
    """A delay puts a name off, and asking for it now brings it forward."""
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add("later", 10)
    queue.add("now")
    assert queue.take(0) == "now"
    assert queue.take(0) is None
    queue.add("later")
    assert queue.take(0) == "later"


def test_failures_double_the_delay_up_to_the_longest_and_success_resets_it() -> None:
    """With a fifth of spread, so that what failed together does not come back together."""
    clock = Clock()
    queue = WorkQueue(first=1, longest=60, clock=clock)
    delays = [queue.retry("chat") for _ in range(10)]
    for delay, expected in zip(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert 0.8 * expected <= delay <= 1.2 * expected
    assert queue.failures() == 1
    queue.succeed("chat")
    assert queue.failures() == 0
    assert queue.retry("chat") <= 1.2


def test_a_name_that_is_put_off_comes_when_its_time_is_there() -> None:
    """Not before."""
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add("chat", 5)
    clock.now += 4.9
    assert queue.take(0) is None
    clock.now += 0.2
    assert queue.take(0) == "chat"


def test_closing_sends_everybody_home() -> None:
    """Workers that wait end."""
    queue = WorkQueue()
    seen: list[str | None] = []
    threads = [threading.Thread(target=lambda: seen.append(queue.take())) for _ in range(3)]
    for thread in threads:
        thread.start()
    queue.close()
    for thread in threads:
        thread.join(5)
    assert seen == [None, None, None]


def test_many_workers_take_every_name_once() -> None:
    """No name is lost, none is taken twice."""
    queue = WorkQueue()
    names = [f"e{number}" for number in range(500)]
    for name in names:
        queue.add(name)
    taken: list[str] = []

    def work() -> None:
        while (name := queue.take(0.05)) is not None:
            taken.append(name)
            queue.done(name)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(taken) == sorted(names)
    assert len(queue) == 0


def test_a_pass_over_everything_holds_up_no_change() -> None:
    """Names of a pass come once nothing else is due; one that changes meanwhile comes forward."""
    queue = WorkQueue()
    for name in ("one", "two", "three"):
        queue.add_idle(name)
    queue.add("changed")
    queue.add("three")
    assert [queue.take(0) for _ in range(5)] == ["changed", "three", "one", "two", None]


def test_a_name_that_waits_after_a_failure_is_not_brought_forward_by_a_pass() -> None:
    """What is due later holds up nothing either."""
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add("failing", delay=30)
    queue.add_idle("failing")
    queue.add_idle("chat")
    assert [queue.take(0) for _ in range(2)] == ["chat", None]
    clock.now += 31
    assert queue.take(0) == "failing"


def test_a_name_that_is_worked_on_comes_again_where_a_pass_asks_for_it() -> None:
    """The pass may be about a newer commit."""
    queue = WorkQueue()
    queue.add_idle("chat")
    assert queue.take(0) == "chat"
    queue.add_idle("chat")
    assert len(queue) == 1
    queue.done("chat")
    assert queue.take(0) == "chat"


def test_what_fails_again_and_again_does_not_keep_a_pass_over_everything_waiting_for_ever() -> None:
    """After half a minute every other look is at what waits for a quiet moment."""
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add_idle("idle-1")
    queue.add_idle("idle-2")
    for number in range(4):
        queue.add(f"failing-{number}")
    assert queue.take(0) == "failing-0"
    clock.now += PATIENCE
    assert [queue.take(0) for _ in range(5)] == ["idle-1", "failing-1", "idle-2", "failing-2", "failing-3"]


def test_names_that_wait_for_another_attempt_are_no_work() -> None:
    """Only what is worked on or could be."""
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.retry("chat")
    assert not queue.is_busy()
    clock.now += 10
    assert queue.is_busy()
    assert queue.take(0) == "chat"
    assert queue.is_busy()
    queue.done("chat")
    assert not queue.is_busy()
    queue.add_idle("chat")
    assert queue.is_busy()
