"""Bounds on how often somebody may write, and on how many streams are open.

Owns: one bucket of tokens a person, forgotten when full; places for streams. Refuses: being exact over several servers:
each counts alone.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from generator.errors import Refused

_MOST_PEOPLE = 10_000
MOST_STREAMS = 2000
MOST_STREAMS_OF_ONE = 60
"""Tabs of a browser, over HTTP/1.1 six a host, and scripts; whoever has more has forgotten to close them."""


class TooManyRequests(Refused):
    """Somebody writes faster than they may; trying again later helps."""

    code = "too-many-requests"
    usual_hint = "wait a moment, then try again"
    http_status = 429
    default_retryable = True


class TooManyStreams(Refused):
    """Somebody, or everybody together, has more event streams open than the server keeps."""

    code = "too-many-streams"
    usual_hint = "close a stream that is not needed any more, then try again"
    http_status = 429
    default_retryable = True


class ServerIsFull(TooManyStreams):
    """Everybody together has: another server may have room."""

    code = "server-full"
    http_status = 503


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


class StreamPlaces:
    """Places for open streams. Used by one event loop only."""

    def __init__(self, most: int = MOST_STREAMS, most_of_one: int = MOST_STREAMS_OF_ONE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are open."""
        return self._taken.total()

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        """One for as long as the block lasts. TooManyStreams or ServerIsFull where none is left."""
        if self._taken[name] >= self._most_of_one:
            raise TooManyStreams(f"{name} has {self._most_of_one} event streams open already")
        if self.taken >= self._most:
            raise ServerIsFull(f"{self._most} event streams are open here already", hint="try again later")
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
