"""The supervisor, a process of its own: `python supervisor_process.py` with the plan as the first line of its input.

Owns: starting commands one by one, noticing the end of its input (of the test run, that is), ending everything below
itself, removing the folder. Refuses: any import but the standard library, threads, and output.

On Linux it adopts orphans, which finds what servers put into sessions of their own; elsewhere only the commands
themselves are ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class _Keeper:
    """The supervisor's side: one thread, woken by the pipe from the tests and by children that end."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.folder = Path(plan["folder"])
        self.plan = plan
        self.codes: dict[int, int] = {}
        self.services: dict[int, int] = {}
        self.asked_to_stop = False
        self._woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._ask_to_stop)

    def run(self) -> None:
        try:
            self._start_all()
            self._watch(lambda: all(pid in self.codes for pid in self.services))
            (self.folder / ".ended").touch()
            self._watch(lambda: False)
        finally:
            self._end_all()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start_all(self) -> None:
        for command in self.plan["first"]:
            pid = self._start(command)
            if pid is None or not self._watch(lambda pid=pid: pid in self.codes) or self.codes[pid]:  # type: ignore[misc]
                return
        for command in self.plan["services"]:
            pid = self._start(command)
            if pid is not None:
                self.services[pid] = command["stop_signal"]

    def _start(self, command: dict[str, Any]) -> int | None:
        with (self.folder / f"{command['name']}.log").open("ab") as log:
            try:
                process = subprocess.Popen(
                    command["arguments"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env={**os.environ, **command["environment"]},
                    preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509 - there are no threads here
                    **_as_user(command["user"]),
                )
            except OSError as error:
                log.write(f"cannot be started: {error}\n".encode())
                return None
        process.returncode = 0  # its end is collected here, with that of orphans
        return process.pid

    def _watch(self, done: Callable[[], bool]) -> bool:
        """Wait until `done`; False where the tests have ended or asked to stop before that."""
        while not self.asked_to_stop:
            self._collect()
            if done():
                return True
            readable, _, _ = select.select([0, self._woken], [], [], 1.0)
            if self._woken in readable:
                os.read(self._woken, 4096)
            if (0 in readable and not os.read(0, 4096)) or os.getppid() != self.plan["parent"]:
                self.asked_to_stop = True
        return False

    def _collect(self) -> bool:
        """Take note of children that ended; False where there are none any more."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                self.codes[pid] = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            return False

    def _end_all(self) -> None:
        for pid, stop_signal in self.services.items():
            if pid not in self.codes:
                with suppress(ProcessLookupError):
                    os.kill(pid, stop_signal)
        deadline = time.monotonic() + self.plan["grace"]
        while self._collect():
            if time.monotonic() > deadline or not self.services:
                for pid in _list_descendants() or set(self.services) - set(self.codes):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            select.select([self._woken], [], [], 0.05)

    def _ask_to_stop(self, *_: object) -> None:
        self.asked_to_stop = True


def _as_user(name: str | None) -> dict[str, Any]:
    """Another user only where there is the right to become one."""
    if name is None or os.geteuid() != 0:
        return {}
    record = pwd.getpwnam(name)
    return {"user": record.pw_uid, "group": record.pw_gid, "extra_groups": []}


def _call_prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _die_with(supervisor: int) -> None:
    """In a child before its program: it does not outlive a supervisor that is itself killed, even by now."""
    _call_prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


def _list_descendants() -> set[int]:
    """All processes below this one; empty where the system does not say."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def _read_line() -> bytes:
    """The first line of the input, and not a byte more: what follows is waited for with `select`."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


if __name__ == "__main__":
    _call_prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _Keeper(json.loads(_read_line())).run()
