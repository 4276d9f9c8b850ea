"""What becomes of a pod, and where it says so: the same words as the tests' fake kubelet reads.

Owns: reading fate, times and drain from a pod's annotations or images. Refuses: what a fate does (`kubelet`).

    testbed.revstamp.io/fate: crash-loop
    testbed.revstamp.io/after: 3s         how long until it happens
    testbed.revstamp.io/times: "2"        it recovers after so many restarts
    testbed.revstamp.io/drain: 2s         how long the pod takes to end

or an image that contains `fate-crash-loop` or `fate-crash-loop-after-3s`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import annotations_of
from generator.cluster.simulated.times import SimulatedTimes

FATES = (
    "slow-load",
    "never-ready",
    "image-pull",
    "crash-loop",
    "oom",
    "config-error",
    "mount-failed",
    "fail-later",
    "slow-init",
    "init-crash",
)
_PREFIX = "testbed.revstamp.io"
_IN_IMAGE = re.compile(rf"fate-({'|'.join(FATES)})(?:-after-([0-9]+(?:ms|s|m)))?")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Fate:
    """`name` is empty for an ordinary pod; `after` in seconds; `times`: restarts until it recovers, None for ever."""

    name: str = ""
    after: float = 0.0
    times: int | None = None


def read_fate(pod: Body, times: SimulatedTimes) -> Fate:
    """The fate of a pod. Words that are no fate are none."""
    annotations = annotations_of(pod)
    images = " ".join(str(one.get("image", "")) for one in pod["spec"].get("containers") or ())
    found = _IN_IMAGE.search(images)
    name = annotations.get(f"{_PREFIX}/fate") or (found[1] if found else "")
    if name not in FATES:
        return Fate()
    said = annotations.get(f"{_PREFIX}/after") or (found[2] if found else None)
    restarts = annotations.get(f"{_PREFIX}/times", "")
    return Fate(
        name,
        times.fate_seconds.get(name, 0.0) if said is None else read_duration(said),
        int(restarts) if restarts.isdecimal() else None,
    )


def read_drain(pod: Body, times: SimulatedTimes) -> float:
    """Seconds that a pod takes to end."""
    said = annotations_of(pod).get(f"{_PREFIX}/drain")
    return times.drain_seconds if said is None else read_duration(said)


def read_duration(text: str) -> float:
    """Seconds of a duration such as `500ms` or `1m30s`; 0 for what is none."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
