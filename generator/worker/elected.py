"""Work that only one process does at a time.

Owns: holding a lease while the work goes on, and stopping it when the lease is lost. Refuses: the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from generator.errors import InternalError, RevstampError
from generator.store.leases import Leases

LEASE_SECONDS = 15.0
"""How long after a crash somebody else takes over."""

_RENEW_SECONDS = 5.0
_STANDBY_SECONDS = 2.0


class Elected:
    """Runs `term(is_leading, stop)` whenever this process holds the lease; the function ends when either says so."""

    def __init__(
        self,
        name: str,
        leases: Leases,
        term: Callable[[Callable[[], bool], threading.Event], None],
        log: Any,
    ) -> None:
        self.name, self._leases, self._term, self._log = name, leases, term, log
        self._stop = threading.Event()
        self._until = 0.0
        self._threads: list[threading.Thread] = []
        self.error = ""

    def start(self) -> None:
        """Begin, in threads."""
        for target in (self._renew, self._lead):
            thread = threading.Thread(target=target, name=f"{self.name}-{target.__name__.strip('_')}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """End the term and give the lease back."""
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
        if self.is_leading():
            self._until = 0.0
            try:
                self._leases.release(self.name)
            except RevstampError as error:
                self._log.warning("the lease was not given back", lease=self.name, error=error.message)

    def is_leading(self) -> bool:
        """Whether the lease is surely ours still."""
        return time.monotonic() < self._until

    def _renew(self) -> None:
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                if self._leases.acquire(self.name, LEASE_SECONDS):
                    if not self.is_leading():
                        self._log.info("leading", lease=self.name)
                    self._until = asked + LEASE_SECONDS - 1.0
                    self.error = ""
            except RevstampError as error:
                self.error = error.message
                self._log.warning("the database is away", lease=self.name, error=error.message)
            except Exception as error:
                self.error = str(error)
                self._log.error("lease", error=InternalError.from_bug(error).message)
            self._stop.wait(_RENEW_SECONDS if self.is_leading() else _STANDBY_SECONDS)

    def _lead(self) -> None:
        while not self._stop.is_set():
            if self.is_leading():
                try:
                    self._term(self.is_leading, self._stop)
                except RevstampError as error:
                    self._log.warning("begins anew", lease=self.name, error=error.message, hint=error.hint)
                except Exception as error:
                    bug = InternalError.from_bug(error)
                    self._log.error("begins anew", lease=self.name, error=bug.message, exc_info=error)
            self._stop.wait(0.2 if self.is_leading() else 0.1)
