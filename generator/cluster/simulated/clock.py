"""The time of a simulated cluster: the machine's, or one that a test moves.

Owns: reading it, and how the API writes it. Refuses: waiting; that is `driver`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Seconds since 1970. `is_manual`: it stands still until somebody moves it."""

    @property
    def is_manual(self) -> bool:
        """Whether the cluster is stepped, and has no thread of its own."""
        ...

    def now(self) -> float:
        """Seconds since 1970."""
        ...


class SystemClock:
    """The machine's clock."""

    is_manual = False

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()


class ManualClock:
    """A clock that a test moves; it never goes back."""

    is_manual = True

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def move_to(self, moment: float) -> None:
        """Forward only; an earlier moment changes nothing."""
        self._now = max(self._now, moment)


def format_time(moment: float) -> str:
    """RFC 3339 in UTC with whole seconds, as the API has nearly all of its times."""
    return _format_second(int(moment))


@lru_cache(maxsize=1024)
def _format_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: float) -> str:
    """RFC 3339 in UTC with microseconds, as events and leases have them."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
