"""The supervisor: what it starts ends with the tests, whatever ends them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.testbed.supervisor import Command, ServiceFailed, Supervised

STUBBORN = """\
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    time.sleep(600)
os.setsid()
if os.fork():
    os._exit(0)
open("stubborn.pid", "w").write(str(os.getpid()))
time.sleep(600)
"""
"""Ignores requests to end, and leaves a process in a session of its own whose parent is gone."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the supervisor removes."""
    path = Path(tempfile.mkdtemp(prefix="revstamp-test-"))
    yield path
    assert not path.exists()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """A bound for what must happen; passing does not depend on how long it takes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and is not collected does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def python(name: str, source: str) -> Command:
    """A command that is a few lines of Python."""
    return Command(name, [sys.executable, "-c", source])


linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")


def test_a_service_runs_until_it_is_stopped(folder: Path) -> None:
    """Ready, at work, gone."""
    source = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with Supervised(folder, [python("sleeper", source)]) as services:
        services.wait_until(lambda: services.log("sleeper").endswith("\n"))
        pid = int(services.log("sleeper"))
        assert is_alive(pid)
    assert not is_alive(pid)


def test_what_comes_first_has_ended_when_the_services_start(folder: Path) -> None:
    """A database is made before its server starts."""
    first = [python("one", "open('a', 'w').write('1')"), python("two", "open('b', 'w').write(open('a').read() + '2')")]
    with Supervised(folder, [python("cat", "print(open('b').read(), flush=True)")], first=first) as services:
        services.wait_until(lambda: services.log("cat") == "12\n")


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ([Command("setup", ["/no/such/program"])], "setup"),
        ([python("setup", "raise SystemExit('no disk')")], "no disk"),
    ],
)
def test_a_failure_is_told_with_the_last_words_of_its_log(folder: Path, first: list[Command], words: str) -> None:
    """Nobody has to look for a log in a folder that is gone."""
    with (
        Supervised(folder, [python("never", "pass")], first=first) as services,
        pytest.raises(ServiceFailed, match=words),
    ):
        services.wait_until(lambda: False)


def test_a_service_that_ends_by_itself_is_told(folder: Path) -> None:
    """Waiting for it stops at once."""
    with (
        Supervised(folder, [python("short", "print('port taken')")]) as services,
        pytest.raises(ServiceFailed, match="port taken"),
    ):
        services.wait_until(lambda: False, seconds=60)


@linux
def test_orphans_in_sessions_of_their_own_are_ended_too(folder: Path) -> None:
    """A database server gives each of its children a session."""
    with Supervised(folder, [python("stubborn", STUBBORN)], grace=0.1) as services:
        services.wait_until(lambda: (folder / "stubborn.pid").exists() and bool((folder / "stubborn.pid").read_text()))
        pid = int((folder / "stubborn.pid").read_text())
        assert is_alive(pid)
    assert not is_alive(pid)


@linux
@pytest.mark.parametrize("killed", ["tests", "supervisor"])
def test_nothing_is_left_after_a_kill_minus_9(killed: str, tmp_path: Path) -> None:
    """Of the test run, or of the supervisor itself."""
    folder = Path(tempfile.mkdtemp(prefix="revstamp-test-"))
    script = (
        "import sys, time; from pathlib import Path; from tests.testbed.supervisor import *\n"
        f"services = Supervised(Path({str(folder)!r}), [Command('s', ['sleep', '600'])])\n"
        f"print(services.pid, flush=True); time.sleep(600)\n"
    )
    tests = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    supervisor = int(tests.stdout.readline())
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    wait_for(lambda: bool(children.read_text()))
    service = int(children.read_text())
    os.kill(tests.pid if killed == "tests" else supervisor, signal.SIGKILL)
    wait_for(lambda: not is_alive(service))
    if killed == "tests":
        wait_for(lambda: not folder.exists())
    tests.kill()
    tests.communicate()
    shutil.rmtree(folder, ignore_errors=True)
