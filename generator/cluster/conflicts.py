"""When another field manager holds a field that git gives.

Owns: what is taken, what is left to others, and what is refused. Refuses: deciding by itself about anything but
replicas; for all else the policy has to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.drift import is_controller
from generator.cluster.kinds import DEPLOYMENT, ref_of
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.replicas import AUTOSCALERS, is_autoscaled
from generator.errors import ApplyConflict


def apply_over(cluster: Cluster, manifest: Body, policy: ApplyPolicy) -> tuple[Body, str]:
    """Apply to an object that is there. Returns it as it is now, and what was left to others, in words.

    ApplyConflict where somebody else holds a field and the policy does not allow to take it.
    """
    try:
        return cluster.apply(manifest, dry_run=policy.dry_run), ""
    except ApplyConflict as conflict:
        return _settle(cluster, manifest, policy, conflict)


def _settle(cluster: Cluster, manifest: Body, policy: ApplyPolicy, conflict: ApplyConflict) -> tuple[Body, str]:
    held = conflict.details.get("conflicts") or []
    others = [item for item in held if not _is_replicas(item)]
    replicas = [str(item["manager"]) for item in held if _is_replicas(item)]
    if others and not _may_force([str(item["manager"]) for item in others], policy):
        raise conflict
    left = ""
    if replicas and not _may_take_replicas(cluster, manifest, policy, replicas):
        manifest = _without_replicas(manifest)
        left = f"spec.replicas is left to {', '.join(sorted(set(replicas)))}"
    force = bool(others) or (bool(replicas) and not left)
    return cluster.apply(manifest, force=force, dry_run=policy.dry_run), left


def _is_replicas(item: Mapping[str, Any]) -> bool:
    return str(item.get("field", "")).lstrip(".") == "spec.replicas"


def _may_force(managers: list[str], policy: ApplyPolicy) -> bool:
    """Whether fields are taken: asked for, or a person's change that the environment heals; never a controller's."""
    return policy.force or (policy.heal and not any(map(is_controller, managers)))


def _may_take_replicas(cluster: Cluster, manifest: Body, policy: ApplyPolicy, managers: list[str]) -> bool:
    """Replicas are not taken by force from an autoscaler that works; from one that is gone, always."""
    workload, asked = ref_of(manifest), policy.force or policy.heal
    if workload.kind != DEPLOYMENT:
        return asked
    return (asked or set(managers) <= AUTOSCALERS) and not is_autoscaled(cluster, workload)


def _without_replicas(manifest: Body) -> dict[str, Any]:
    spec = {key: value for key, value in manifest["spec"].items() if key != "replicas"}
    return {**manifest, "spec": spec}
