"""Processes that never outlive the test run that started them.

Owns: starting a supervisor process that runs commands, watches a pipe from the test run, and at its end (stopped,
failed or killed with -9) ends all that came of the commands and removes their folder. Refuses: restarting what ended,
and knowing what the commands are. The supervisor itself is `supervisor_process.py`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

_PROGRAM = Path(__file__).with_name("supervisor_process.py")


class ServiceFailed(AssertionError):
    """A command ended early or was not ready in time; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `user` is who runs it where the tests run as root; `environment` adds to that of the tests."""

    name: str
    arguments: Sequence[str]
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM


class Supervised:
    """Services in a folder, each with a log `<name>.log` there. The folder is removed when they are ended.

    `first` are commands that must succeed, one after another, before the services start. `grace` is in seconds: how
    long services have for their stop signal before they are killed.
    """

    def __init__(
        self,
        folder: Path,
        services: Sequence[Command],
        *,
        first: Sequence[Command] = (),
        environment: Mapping[str, str] | None = None,
        grace: float = 5.0,
    ) -> None:
        self.folder = folder
        self._names = [command.name for command in (*first, *services)]
        plan = {
            "folder": str(folder),
            "first": [{**asdict(command), "arguments": list(command.arguments)} for command in first],
            "services": [{**asdict(command), "arguments": list(command.arguments)} for command in services],
            "grace": grace,
            "parent": os.getpid(),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_PROGRAM.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(plan).encode() + b"\n")
        self._process.stdin.flush()

    def __enter__(self) -> Supervised:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The supervisor's own process."""
        return self._process.pid

    def log(self, name: str) -> str:
        """What a command has written so far."""
        try:
            return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def has_ended(self) -> bool:
        """Whether all services ended by themselves, or could not be started."""
        return self._process.poll() is not None or (self.folder / ".ended").exists()

    def wait_until(self, ready: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait for the services. Raises ServiceFailed where they end before, or are not ready in time."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.has_ended:
                raise ServiceFailed(f"{', '.join(self._names)}: ended before being ready{self._last_words()}")
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{', '.join(self._names)}: not ready within {seconds:g} s{self._last_words()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End all services and remove the folder; returns when that is done."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _last_words(self) -> str:
        logs = {name: self.log(name).strip()[-1500:] for name in self._names}
        return "".join(f"\n--- {name}\n{text}" for name, text in logs.items() if text)
