"""Work shared between processes gives what one process gives, and fails as one process fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator.errors import InternalError, InvalidInput, Violation
from generator.service.parallel import CHUNK, map_in_processes

ITEMS = list(range(10 * CHUNK + 3))


@pytest.fixture(autouse=True)
def no_thread_of_an_earlier_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker's thread waits half a minute for more work; beside one, nothing would be shared between processes."""
    monkeypatch.setattr("generator.service.parallel.threading.active_count", lambda: 1)


def _square(item: int) -> tuple[int, int]:
    return item * item, os.getpid()


def test_results_come_in_the_order_of_the_items_from_several_processes() -> None:
    """Two processes beside this one, whatever the machine has."""
    done = list(map_in_processes(_square, ITEMS, fewest=1, processes=2))
    assert [square for square, _ in done] == [item * item for item in ITEMS]
    assert len({process for _, process in done}) == 3
    assert done[0][1] == os.getpid()


def test_few_items_are_done_here() -> None:
    """A process costs more than they do."""
    assert {process for _, process in map_in_processes(_square, ITEMS, processes=2)} == {os.getpid()}


def _refuse(item: int) -> int:
    if item == CHUNK + 2:
        violation = Violation("is wrong", "mend it", file="a.yaml", line=3)
        raise InvalidInput("a.yaml is wrong", violations=[violation], details={"a": 1})
    return item


def test_an_error_is_raised_with_all_that_it_says_after_the_results_before_it() -> None:
    """Violations, hint and details travel."""
    results = map_in_processes(_refuse, ITEMS, fewest=1, processes=2)
    got = []
    with pytest.raises(InvalidInput) as raised:
        got.extend(results)
    for item in map_in_processes(lambda item: item, ITEMS, fewest=1, processes=2):
        assert item in ITEMS
    assert str(raised.value) == "a.yaml is wrong"
    assert raised.value.violations[0].line == 3
    assert (raised.value.hint, raised.value.details) == ("mend it", {"a": 1})


def _end_process(item: int) -> int:
    if item == CHUNK + 2:
        os._exit(9)
    return item


def test_a_process_that_is_killed_is_an_error_to_try_again_not_a_hang() -> None:
    """As where memory runs out."""
    with pytest.raises(InternalError) as raised:
        list(map_in_processes(_end_process, ITEMS, fewest=1, processes=2))
    assert raised.value.retryable


def test_a_foreign_error_is_named() -> None:
    """A bug in the work is told as one."""

    def fail(item: int) -> int:
        return 1 // (CHUNK - item)

    with pytest.raises(InternalError, match="ZeroDivisionError"):
        list(map_in_processes(fail, ITEMS, fewest=1, processes=2))


CHILDREN = """
import os, sys, time
from generator.service.parallel import map_in_processes
def work(item):
    return os.getpid(), b"x" * 100_000
for pid, _ in map_in_processes(work, list(range(1000)), fewest=1, processes=2):
    if pid != os.getpid():
        print(pid, flush=True)
        time.sleep(3600)
"""


def test_nobody_works_on_after_the_process_that_asked_was_killed() -> None:
    """Nobody reads what they would send."""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", CHILDREN], stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        assert process.stdout.read() == b""  # ends when the last process that holds it has ended
    assert not Path(f"/proc/{child}/exe").exists() or Path(f"/proc/{child}/stat").read_text("utf-8").split()[2] == "Z"
