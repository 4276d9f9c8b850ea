"""The forge of the testbed: who runs it, what it answers, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.testbed.forge import Forge, ForgeRefused

pytestmark = pytest.mark.testbed

_HOLDER = """\
import sys, time
from pathlib import Path
from tests.testbed.forge import Forge
forge = Forge(Path(sys.argv[1]))
print(forge.server.folder, flush=True)
time.sleep(600)
"""


def processes_in(folder: Path) -> list[str]:
    """The command lines that name the folder, but for those of the tests."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


def test_the_forge_is_gitea_and_no_process_of_root(forge: Forge) -> None:
    """Gitea refuses root; the tests do not."""
    assert forge.api("GET", "/user")["is_admin"] is True
    assert forge.server.folder.stat().st_uid != 0


def test_what_the_forge_refuses_is_an_error_with_its_status(forge: Forge) -> None:
    """Not an empty answer."""
    with pytest.raises(ForgeRefused) as refused:
        forge.api("GET", "/repos/nobody/nothing")
    assert refused.value.status == 404


def test_nothing_of_a_forge_stays_when_its_tests_are_killed(forge: Forge) -> None:
    """Killed with -9, which nobody can clean up after."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(forge.server.module)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    assert processes_in(folder)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    deadline = time.monotonic() + 20
    while (processes_in(folder) or folder.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_in(folder) == []
    assert not folder.exists()
