"""A PostgreSQL server that crashes and comes back on the same data and port.

Owns: ending it at once, so that it has to recover, and starting it again. Refuses: losing what was acknowledged: the
system keeps what a process has written, and commits of these databases wait for that.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.testbed.machine import ENVIRONMENT
from tests.testbed.postgres import Database, PostgresServer, choose_user
from tests.testbed.supervisor import Command, Supervised


class CrashingPostgres(PostgresServer):
    """A server with `crash` and `start_again`."""

    def __init__(self, binaries: Path) -> None:
        self._again: Supervised | None = None
        self._starts = 0
        super().__init__(binaries)

    def create_database(self, template: str = "template1") -> Database:
        """A database that keeps what it has acknowledged when the server crashes."""
        database = super().create_database(template)
        self.run_sql(f'ALTER DATABASE "{database.name}" SET synchronous_commit = on')
        return database

    def crash(self) -> None:
        """End the server without a word to its clients; returns when it has ended."""
        if self._again is not None:
            self._again.stop()
            self._again = None
            return
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGQUIT)
        with suppress(ProcessLookupError):
            while not (self.folder / ".ended").exists():
                os.kill(pid, 0)
                time.sleep(0.01)

    def start_again(self) -> None:
        """Start it on the same data; returns when it has recovered."""
        self._starts += 1
        folder = self.folder / f"start-{self._starts}"
        folder.mkdir(mode=0o755)
        words, own = self._server_words(self.folder), {"HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        command = Command("postgres", words, choose_user(), own, signal.SIGQUIT)
        self._again = Supervised(folder, [command], environment=ENVIRONMENT)
        self._again.wait_until(lambda: self._answers(self.folder))

    @contextmanager
    def away(self) -> Iterator[None]:
        """It is gone until the block ends."""
        self.crash()
        try:
            yield
        finally:
            self.start_again()

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._again is not None:
            self._again.stop()
        super().stop()
