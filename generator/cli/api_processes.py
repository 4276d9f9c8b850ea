"""The API in several processes on one socket.

Owns: starting them, starting one again that has ended, ending all, also where the one that started them is killed.
Refuses: what they serve: each is `revstamp serve --only api` with the socket handed over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

SOCKET = "_REVSTAMP_SOCKET"
"""The variable by which a process is told which of its files is the socket."""

_LOOK_SECONDS = 0.2
_LEAST_SECONDS = 1.0
"""One that ends sooner than this after its start is started again only after this pause."""
_END_SECONDS = 15.0


def end_with(parent: int) -> None:
    """Have this process end as by SIGTERM when its parent has, also one that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


class ApiProcesses:
    """Processes from `start` to `close`."""

    def __init__(self, words: Sequence[str], socket_file: int, count: int, log: Any) -> None:
        """`words`: the command line after `revstamp`. `socket_file`: a socket that listens."""
        self._words, self._file, self._log = tuple(words), socket_file, log
        self._running: list[tuple[subprocess.Popen[bytes], float]] = []
        self._count = count

    def start(self) -> None:
        """Begin all."""
        self._running = [(self._begin(), time.monotonic()) for _ in range(self._count)]

    def watch(self, stop: threading.Event) -> None:
        """Until `stop`: what ends is started again."""
        while not stop.wait(_LOOK_SECONDS):
            for place, (process, began) in enumerate(self._running):
                if process.poll() is not None and time.monotonic() - began > _LEAST_SECONDS:
                    self._log.warning("a process of the API has ended", process=process.pid, code=process.returncode)
                    self._running[place] = (self._begin(), time.monotonic())

    def close(self) -> None:
        """Let all end what they are answering; what does not end is killed."""
        for process, _ in self._running:
            process.terminate()
        end = time.monotonic() + _END_SECONDS
        for process, _ in self._running:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _begin(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "generator.cli.main", *self._words]
        return subprocess.Popen(words, pass_fds=(self._file,), env={**os.environ, SOCKET: str(self._file)})
