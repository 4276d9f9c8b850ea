"""A cluster in one process: the same applies, the same watch events, nothing of Kubernetes needed.

Owns: an API server's answers, the controllers, scheduler and kubelet that revstamp meets, with times and failures as
they are asked for. Refuses: whatever revstamp does not use. What differs from a real cluster is a bug; one contract
suite is run over both.
"""

from __future__ import annotations

from generator.cluster.simulated.clock import Clock, ManualClock, SystemClock
from generator.cluster.simulated.cluster import SimulatedCluster
from generator.cluster.simulated.faults import Faults, PlannedFault
from generator.cluster.simulated.times import DEFAULT_POOLS, DEMO_TIMES, NodePool, SimulatedTimes

__all__ = [
    "DEFAULT_POOLS",
    "DEMO_TIMES",
    "Clock",
    "Faults",
    "ManualClock",
    "NodePool",
    "PlannedFault",
    "SimulatedCluster",
    "SimulatedTimes",
    "SystemClock",
    "open_simulated",
]


def open_simulated(name: str) -> SimulatedCluster:
    """A cluster with the times of a demo, in which namespaces come into being when they are first named."""
    return SimulatedCluster(name, times=DEMO_TIMES, strict_namespaces=False)
