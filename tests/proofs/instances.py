"""Commands that run for ever as processes, to be killed and stopped at any moment.

Owns: starting them (`revstamp reconcile` among them), their logs, its HTTP face, signals. Refuses: deciding when.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0


class Process:
    """One process of a command of revstamp that logs JSON. `settings` are variables of its environment."""

    def __init__(
        self, folder: Path, log: Path, words: Sequence[str], settings: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        command = [sys.executable, "-m", "generator.cli.main", "-C", str(folder), *words, "--output", "json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(settings or {})}
        with log.open("w") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """The log lines of one kind of event, or all."""
        found = []
        for text in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict) and (not event or line.get("event") == event):
                    found.append(line)
        return found

    def send(self, number: int) -> None:
        """A signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """As a power cut does."""
        self.send(signal.SIGKILL)
        self.process.wait(10)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Wait for something; the log is shown where it does not come."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"it ended:\n{self.log.read_text()[-4000:]}"
            assert time.monotonic() < end, f"{what} did not happen; log:\n{self.log.read_text()[-6000:]}"
            time.sleep(0.05)


class Instance(Process):
    """One process of `revstamp reconcile`."""

    def __init__(self, folder: Path, kubeconfig: Path, log: Path, *options: str) -> None:
        listen = ("--poll", "0.1", "--listen", "127.0.0.1:0")
        super().__init__(folder, log, ("reconcile", *listen, "--kubeconfig", str(kubeconfig), *options))

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text of its HTTP face; 0 where it does not answer."""
        port = next((line["port"] for line in self.lines("listening")), None)
        if port is None:
            return 0, ""
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status), answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except (URLError, OSError):
            return 0, ""

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; empty where it does not answer."""
        _, text = self.ask("/readyz")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def leads(self, environment: str = "test") -> bool:
        """Whether it says that it leads."""
        state = (self.readiness().get("environments") or {}).get(environment) or {}
        return state.get("state") == "leading"

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        _, text = self.ask("/metrics")
        rows = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(row.rpartition(" ")[2]) for row in rows)


class Instances:
    """All processes of a test; what is left is ended with it."""

    def __init__(self, folder: Path, kubeconfig: Path, logs: Path) -> None:
        self.folder, self.kubeconfig, self.logs = folder, kubeconfig, logs
        self.started: list[Instance] = []
        logs.mkdir(exist_ok=True)

    @property
    def running(self) -> list[Instance]:
        """Those that have not ended."""
        return [instance for instance in self.started if instance.process.poll() is None]

    def start(self, *options: str, kubeconfig: Path | None = None) -> Instance:
        """One more."""
        log = self.logs / f"{len(self.started)}.log"
        self.started.append(Instance(self.folder, kubeconfig or self.kubeconfig, log, *options))
        return self.started[-1]

    def bugs(self) -> list[dict[str, Any]]:
        """Whatever any of them called a bug of revstamp."""
        return [line for each in self.started for line in each.lines("bug of revstamp")]

    def tracebacks(self) -> list[str]:
        """Logs in which something was not caught."""
        return [text[-3000:] for each in self.started if "Traceback" in (text := each.log.read_text(errors="replace"))]


@contextmanager
def instances_of(folder: Path, kubeconfig: Path, logs: Path) -> Iterator[Instances]:
    """Processes that follow the repository in a folder; killed at the end of the block."""
    made = Instances(folder, kubeconfig, logs)
    try:
        yield made
    finally:
        for instance in made.running:
            instance.kill()
