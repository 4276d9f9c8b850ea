"""What the branch says of an endpoint against what its cluster has.

Owns: asking once, when a person asks. Refuses: comparing (`reconciler.live_endpoint`).
"""

from __future__ import annotations

from collections.abc import Callable

from generator.cluster.live_diff import ObjectDiff
from generator.cluster.port import Cluster
from generator.reconciler.live_endpoint import diff_present
from generator.service.desired import DesiredEnvironment
from generator.service.fleet import EndpointRef
from generator.service.trunk import Trunk

Differ = Callable[[EndpointRef], tuple[ObjectDiff, ...]]
"""An endpoint's objects, each with what an apply would change of it. Raises what keeps it from being compared."""


def drift_of(trunk: Trunk, open_cluster: Callable[[str], Cluster]) -> Differ:
    """What compares endpoints of a branch. `open_cluster`: by the name that environments give."""

    def compare(ref: EndpointRef) -> tuple[ObjectDiff, ...]:
        desired = DesiredEnvironment(trunk.read_tip(refresh=False), ref.environment)
        return diff_present(desired, open_cluster(desired.environment.spec.cluster), ref.name).objects

    return compare
