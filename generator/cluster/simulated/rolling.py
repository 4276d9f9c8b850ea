"""The arithmetic of a rolling update: how many pods may come and go.

Owns: surge and unavailability, numbers and percentages. Refuses: objects.
Source: Kubernetes documentation, "Deployments", rolling update; percentages of surge round up, of unavailability down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Pods above the wanted number that may exist, and pods below it that may be missing."""

    surge: int
    unavailable: int


def read_limits(strategy: Mapping[str, Any], replicas: int) -> Limits:
    """Those of a Deployment's strategy; with Recreate there is no surge and all may be missing."""
    if strategy.get("type") == "Recreate":
        return Limits(0, replicas)
    rolling = strategy.get("rollingUpdate") or {}
    surge = _resolve(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _resolve(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1  # both came to nothing by rounding; a rollout could never move
    return Limits(surge, min(unavailable, replicas) if replicas else unavailable)


def _resolve(value: Any, replicas: int, rounding: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounding(int(value[:-1]) * replicas / 100))
    return int(value)


def count_new(wanted: int, limits: Limits, new: int, total: int) -> int:
    """How many replicas the new ReplicaSet is to have. `total`: replicas of all ReplicaSets."""
    if new >= wanted:
        return wanted
    room = wanted + limits.surge - total
    return new if room <= 0 else min(wanted, new + room)


def count_removable(wanted: int, limits: Limits, new: int, new_available: int, total: int) -> int:
    """How many old replicas may go, at most, so that enough stay available."""
    return max(0, total - (wanted - limits.unavailable) - (new - new_available))
