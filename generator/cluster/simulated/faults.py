"""Failures that a test or a demo plans for a simulated cluster.

Owns: which request is answered with which error, how often. Refuses: failures of pods; those are fates.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from generator.errors import ClusterError


@dataclass(slots=True)
class PlannedFault:
    """`verb` is a method of the port such as `apply`, `kind` and `name` are shell patterns; `times` None: always.

    `met` counts how often it has struck.
    """

    error: ClusterError
    verb: str = "*"
    kind: str = "*"
    name: str = "*"
    times: int | None = 1
    met: int = field(default=0, init=False)


class Faults:
    """May be planned from any thread, also while the cluster is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[PlannedFault] = []

    def plan(self, fault: PlannedFault) -> PlannedFault:
        """Have requests that match answered with the error."""
        with self._lock:
            self._planned.append(fault)
        return fault

    def forget(self) -> None:
        """No more failures."""
        with self._lock:
            self._planned.clear()

    def check(self, verb: str, kind: str, name: str = "") -> None:
        """Raises the error of the first planned fault that matches."""
        if not self._planned:
            return
        with self._lock:
            for fault in self._planned:
                if fault.times is not None and fault.met >= fault.times:
                    continue
                if fnmatchcase(verb, fault.verb) and fnmatchcase(kind, fault.kind) and fnmatchcase(name, fault.name):
                    fault.met += 1
                    raise fault.error
