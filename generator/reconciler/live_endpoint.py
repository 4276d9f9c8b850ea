"""One endpoint of a commit against its cluster.

Owns: which objects are compared. Refuses: the comparison (`cluster.live_diff`), and how it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.cluster.apply_objects import order_manifests
from generator.cluster.live_diff import ObjectDiff, diff_doomed, diff_live
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Cluster
from generator.errors import RevstampError
from generator.reconciler.apply_once import prepare
from generator.reconciler.environment_sync import EnvironmentSync
from generator.service.desired import DesiredEnvironment


@dataclass(frozen=True, slots=True)
class EndpointDiff:
    """One endpoint's objects, or why they could not be found."""

    name: str
    objects: tuple[ObjectDiff, ...] = ()
    error: RevstampError | None = None

    @property
    def differs(self) -> bool:
        """Whether the cluster has something else than git says."""
        return any(item.change != "same" for item in self.objects)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        error = {"error": self.error.to_dict()} if self.error else {}
        return {"endpoint": self.name, "objects": [item.to_dict() for item in self.objects], **error}


def diff_endpoint(sync: EnvironmentSync, name: str) -> EndpointDiff:
    """What applying the endpoint as the commit has it would change; one that cannot be read tells why."""
    policy = ApplyPolicy(heal=sync.desired.environment.spec.policies.drift == "heal")
    try:
        desired = sync.read(name)
        objects = [diff_live(sync.cluster, manifest, policy) for manifest in order_manifests(desired.bodies)]
        objects += [diff_doomed(sync.cluster, ref, name) for ref in sync.doomed_refs(desired)]
    except RevstampError as error:
        return EndpointDiff(name, error=error)
    return EndpointDiff(name, tuple(objects))


def diff_present(desired: DesiredEnvironment, cluster: Cluster, name: str) -> EndpointDiff:
    """The same for one endpoint by itself. Raises what keeps it from being compared."""
    sync = EnvironmentSync(cluster, desired)
    prepare(sync, (name,))
    found = diff_endpoint(sync, name)
    if found.error is not None:
        raise found.error
    return found
