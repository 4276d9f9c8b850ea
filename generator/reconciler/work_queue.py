"""What is to be looked at, each name once, with back-off for what fails.

Owns: order, delays, that no name is worked on twice at a time. Refuses: knowing what the work is.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds for which a name that is looked at when nothing else is due waits for that."""


class WorkQueue:
    """Names with the moment from which they are due. Shared by threads.

    A name that is added while it is being worked on comes again afterwards. `retry` doubles the delay each time, from
    `first` to `longest` seconds, until `succeed`.
    """

    def __init__(self, first: float = 1.0, longest: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._first, self._longest, self._clock = first, longest, clock
        self._condition = threading.Condition()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._idle: dict[str, float] = {}
        """For when nothing is due, in this order; since when they wait."""
        self._is_idles_turn = False
        self._count = itertools.count()
        self._working: set[str] = set()
        self._again: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._closed = False

    def __len__(self) -> int:
        with self._condition:
            return len(self._due) + len(self._idle) + len(self._working)

    def is_busy(self) -> bool:
        """Whether a name is being worked on or could be now; those that are due later do not count."""
        with self._condition:
            now = self._clock()
            return bool(self._working or self._idle) or any(at <= now for at in self._due.values())

    def add(self, name: str, delay: float = 0.0) -> None:
        """Have a name looked at in `delay` seconds, or sooner where that was asked for already."""
        with self._condition:
            at = self._clock() + delay
            if name in self._working:
                self._again[name] = min(at, self._again.get(name, at))
            elif name not in self._due or at < self._due[name]:
                self._idle.pop(name, None)
                self._due[name] = at
                heapq.heappush(self._heap, (at, next(self._count), name))
                self._condition.notify()

    def add_idle(self, name: str) -> None:
        """Have a name looked at once nothing else is due: a pass over everything holds up no change.

        Once one has waited for `PATIENCE` seconds, every other look is at such a name: what fails again and again is
        always due.
        """
        with self._condition:
            if name in self._working:
                self._again.setdefault(name, self._clock())
            elif name not in self._due:
                self._idle.setdefault(name, self._clock())
                self._condition.notify()

    def take(self, wait: float | None = None) -> str | None:
        """The next name that is due; None once closed, or after `wait` seconds without one."""
        end = None if wait is None else self._clock() + wait
        with self._condition:
            while not self._closed:
                now = self._clock()
                name, pause = self._find_next(now)
                if name is not None:
                    self._working.add(name)
                    return name
                if end is not None:
                    pause = end - now if pause is None else min(pause, end - now)
                if pause is not None and pause <= 0:
                    return None
                self._condition.wait(pause)
            return None

    def _find_next(self, now: float) -> tuple[str | None, float | None]:
        """The name that is next, or the seconds until one is due: None where none is."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # asked for sooner, or taken
        at, _, name = self._heap[0] if self._heap else (None, 0, "")
        is_due = at is not None and at <= now
        idle = next(iter(self._idle), None)
        if idle is not None and (not is_due or (self._is_idles_turn and now - self._idle[idle] >= PATIENCE)):
            self._is_idles_turn = False
            del self._idle[idle]
            return idle, None
        if is_due:
            self._is_idles_turn = True
            heapq.heappop(self._heap)
            del self._due[name]
            return name, None
        return None, None if at is None else at - now

    def done(self, name: str) -> None:
        """The work on a name has ended, well or not."""
        with self._condition:
            self._working.discard(name)
            again = self._again.pop(name, None)
            self._condition.notify_all()
        if again is not None:
            self.add(name, max(0.0, again - self._clock()))

    def retry(self, name: str) -> float:
        """Have a name that failed looked at again; the delay in seconds."""
        with self._condition:
            failures = self._failures[name] = self._failures.get(name, 0) + 1
        delay: float = min(self._longest, self._first * 2 ** min(failures - 1, 16))
        delay *= random.uniform(0.8, 1.2)  # noqa: S311 - so that what failed together does not come back together
        self.add(name, delay)
        return delay

    def succeed(self, name: str) -> None:
        """Forget earlier failures of a name."""
        with self._condition:
            self._failures.pop(name, None)

    def failures(self) -> int:
        """How many names wait after a failure."""
        with self._condition:
            return len(self._failures)

    def close(self) -> None:
        """Let everybody who takes go home."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
