"""How many pods serve each endpoint, counted as a load balancer would, twenty times a second and at each change.

Owns: counting. Refuses: saying how many there should be.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from tests.proofs.watching import watching
from tests.testbed.kube.api import Api, Object

_RATE = 20.0
"""Samples a second."""


class ReadyPods:
    """Ready pods by endpoint; those that are being deleted do not count, for routes forget them at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: dict[str, set[str]] = defaultdict(set)
        self._least: dict[str, int] = {}
        self._history: dict[str, list[tuple[float, list[str]]]] = defaultdict(list)
        self.samples = 0

    def see(self, kind: str, pod: Object) -> None:
        """Take in an event of a pod."""
        labels = pod["metadata"].get("labels") or {}
        name, uid = labels.get("revstamp.io/endpoint", ""), pod["metadata"]["uid"]
        with self._lock:
            if kind != "DELETED" and is_serving(pod):
                self._ready[name].add(uid)
            else:
                self._ready[name].discard(uid)
            self._note(name)

    def sample(self) -> None:
        """Count now."""
        with self._lock:
            self.samples += 1
            for name in self._least:
                self._note(name)

    def begin(self, name: str) -> None:
        """From now on the least number is remembered."""
        with self._lock:
            self._least[name] = len(self._ready[name])

    def least(self, name: str) -> int:
        """The fewest since `begin`."""
        with self._lock:
            return self._least[name]

    def history(self, name: str, floor: int) -> str:
        """How the count moved around the moments at which it was below the floor; for people."""
        with self._lock:
            moments = self._history[name]
        low = {place for place, (_, ready) in enumerate(moments) if len(ready) < floor}
        near = [place for place in range(len(moments)) if {place - 1, place, place + 1} & low]
        return "; ".join(f"{moments[place][0]:.2f}: {[uid[:8] for uid in moments[place][1]]}" for place in near)

    def count(self, name: str) -> int:
        """How many there are now."""
        with self._lock:
            return len(self._ready[name])

    def _note(self, name: str) -> None:
        ready = sorted(self._ready[name])
        if name in self._least and (not self._history[name] or self._history[name][-1][1] != ready):
            self._history[name].append((time.monotonic(), ready))
            self._least[name] = min(self._least[name], len(ready))


def is_serving(pod: Object) -> bool:
    """Whether requests are sent to the pod."""
    conditions = pod.get("status", {}).get("conditions") or []
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


@contextmanager
def counting(api: Api, namespace: str) -> Iterator[ReadyPods]:
    """Count the ready pods of a namespace until the block ends."""
    counted, ended = ReadyPods(), threading.Event()

    def sample() -> None:
        at = time.monotonic()
        while not ended.is_set():
            counted.sample()
            at += 1 / _RATE
            ended.wait(max(0.0, at - time.monotonic()))

    thread = threading.Thread(target=sample, name="count ready pods", daemon=True)
    with watching(api, f"/api/v1/namespaces/{namespace}/pods", counted.see):
        thread.start()
        yield counted
        ended.set()
        thread.join(10)
