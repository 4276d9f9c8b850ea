"""How many rollouts run at once in an environment.

Owns: who has a slot, who waits for one, in which order. Refuses: knowing when a rollout has ended.
"""

from __future__ import annotations

import sys
import threading


class RolloutSlots:
    """At most `limit` names have a slot; who asks in vain waits in order. Shared by threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._holders: dict[str, int] = {}
        self._waiting: dict[str, None] = {}

    def set_limit(self, limit: int) -> tuple[str, ...]:
        """Another limit; returns who may try now."""
        with self._lock:
            self._limit = limit
            return self._next()

    def take(self, name: str, revision: int = 0) -> bool:
        """Take a slot for a pod revision, or keep the one that the name has; False where it has to wait for one.

        The revision may be lower than the last one: a revert by hand takes the stamp back.
        """
        with self._lock:
            if name in self._holders or len(self._holders) < self._limit:
                self._holders[name] = revision
                self._waiting.pop(name, None)
                return True
            self._waiting.setdefault(name)
            return False

    def hold(self, name: str, revision: int = 0) -> None:
        """A rollout that is under way already, however many there are."""
        with self._lock:
            self._holders[name] = revision
            self._waiting.pop(name, None)

    def release(self, name: str, revision: int = sys.maxsize) -> tuple[str, ...]:
        """Give the slot back, unless it was taken for a newer revision meanwhile; returns who may try now."""
        with self._lock:
            if name not in self._holders or self._holders[name] > revision:
                return ()
            del self._holders[name]
            return self._next()

    def leave(self, name: str) -> tuple[str, ...]:
        """Wait no longer, for the name needs no slot any more; returns who may try now in its place."""
        with self._lock:
            if name not in self._waiting:
                return ()
            del self._waiting[name]
            return self._next()

    def holders(self) -> tuple[str, ...]:
        """Who has a slot."""
        with self._lock:
            return tuple(sorted(self._holders))

    def waiting(self) -> tuple[str, ...]:
        """Who waits, first come first."""
        with self._lock:
            return tuple(self._waiting)

    def _next(self) -> tuple[str, ...]:
        free = self._limit - len(self._holders)
        return tuple(self._waiting)[: max(0, free)]
