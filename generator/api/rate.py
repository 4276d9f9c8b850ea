"""A bound on how often somebody may write.

Owns: one bucket of tokens a person, forgotten when full. Refuses: being exact over several servers: each counts alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from generator.errors import Refused

_MOST_PEOPLE = 10_000


class TooManyRequests(Refused):
    """Somebody writes faster than they may; trying again later helps."""

    code = "too-many-requests"
    usual_hint = "wait a moment, then try again"
    http_status = 429
    default_retryable = True


class RateLimit:
    """`per_minute` writes of one person, all at once at most; 0 is no bound. Shared by threads."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> None:
        """Count one write. TooManyRequests where none is left."""
        if not self._per_minute:
            return
        now = self._clock()
        with self._lock:
            left, at = self._left.get(name, (self._per_minute, now))
            left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
            if left < 1:
                seconds = (1 - left) * 60 / self._per_minute
                raise TooManyRequests(
                    f"{name} has written {self._per_minute:g} times within a minute", hint=f"wait {seconds:.0f} s"
                )
            self._left[name] = (left - 1, now)
            if len(self._left) > _MOST_PEOPLE:
                self._left = {key: value for key, value in self._left.items() if value[1] > now - 60}
