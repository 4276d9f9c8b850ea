"""The processes of one cluster: started with a log each, ended together.

Owns: that no process outlives this one, even if it is killed with -9 (on Linux). Refuses: starting any after the end.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.testbed.errors import ClusterFailed

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_TAIL = 3_000  # characters of a log that an error shows


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. All are held until all are chosen, so they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Runner:
    """Starts programs in a folder; `stop` ends all of them.

    Programs must be started by the main thread: the system ties their end to the thread that started them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()  # a signal may end the cluster while this thread starts a program
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stopped = False
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def start(self, name: str, arguments: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Starts a program; what it writes goes to `logs/<name>.log`."""
        home = {"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "TMPDIR": str(self._folder)}
        with self._lock, self._log(name).open("wb") as log:
            if self._stopped:
                raise ClusterFailed("the cluster was stopped while it started")
            self._processes[name] = subprocess.Popen(
                [str(argument) for argument in arguments],
                cwd=self._folder,
                env={**home, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent,  # noqa: PLW1509, it calls one function of the C library
            )

    def wait(self, name: str, ready: Callable[[], object], seconds: float = 60.0) -> None:
        """Until it is ready; raises ClusterFailed with its log where it ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            code = self._processes[name].poll()
            if code is not None:
                raise ClusterFailed(f"{name} ended with {code}:\n{self.tail(name)}")
            if time.monotonic() > deadline:
                raise ClusterFailed(f"{name} was not ready after {seconds:g} s:\n{self.tail(name)}")
            time.sleep(0.05)

    def tail(self, name: str) -> str:
        """The end of a program's log."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")[-_TAIL:]

    def stop(self) -> None:
        """Kills all: there is nothing to save. None can be started afterwards."""
        with self._lock:
            self._stopped = True
            for process in self._processes.values():
                process.kill()
            for process in self._processes.values():
                process.wait()

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
