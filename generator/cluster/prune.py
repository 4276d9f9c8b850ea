"""Deleting what git no longer has, with every check made on the live object just before.

Owns: what may be pruned, the order, the limit. Refuses: deciding what git no longer has (the caller compares trees),
namespaces and claims, whatever has an owner, whatever revstamp did not apply.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from generator.cluster.changes import Action, ObjectChange
from generator.cluster.drift import is_ours
from generator.cluster.kinds import ObjectRef
from generator.cluster.policy import PRUNE
from generator.cluster.port import Body, Cluster
from generator.errors import Refused, RevstampError, StaleObject
from generator.render.pods import ENDPOINT

NEVER = frozenset({"Namespace", "PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition"})
"""Kinds whose deletion loses data or other people's objects."""

_ATTEMPTS = 5


def check_limit(doomed: Collection[ObjectRef], allowed: int, where: str) -> None:
    """Refused where one pass would delete more objects than the environment allows, or a person has confirmed."""
    if len(doomed) <= allowed:
        return
    raise Refused(
        f"{where}: {len(doomed)} objects would be pruned, at most {allowed} are in one pass",
        hint=f"look at them with `revstamp diff --live`; `revstamp apply --confirm-prune {len(doomed)}` allows it, "
        "or `policies.pruneLimit` of the environment",
    )


def order_doomed(doomed: Sequence[ObjectRef]) -> list[ObjectRef]:
    """What refers to others first, the workload and its Service last."""
    return sorted(doomed, key=lambda ref: (-ref.kind.rank, ref.kind.name, ref.name))


def prune_object(cluster: Cluster, ref: ObjectRef, endpoint: str, *, dry_run: bool = False) -> ObjectChange:
    """Delete one object, if it is ours and free. Whatever goes wrong becomes part of the answer."""
    try:
        for _ in range(_ATTEMPTS):
            live = cluster.read(ref)
            if live is None:
                return ObjectChange(ref, Action.PRUNED, "it was gone already")
            if kept := find_keeper(ref, live, endpoint):
                return ObjectChange(ref, Action.SKIPPED, kept)
            if dry_run:
                return ObjectChange(ref, Action.PRUNED)
            try:
                metadata = live["metadata"]
                cluster.delete(ref, uid=metadata["uid"], resource_version=metadata["resourceVersion"])
            except StaleObject:
                continue  # it has changed since: look at it again
            return ObjectChange(ref, Action.PRUNED)
        raise StaleObject(f"{ref} changes all the time, so that it could not be checked and deleted in one")
    except RevstampError as error:
        return ObjectChange(ref, Action.FAILED, error.message, error)


def find_keeper(ref: ObjectRef, live: Body, endpoint: str) -> str:
    """Why the object is not pruned, in words; empty where it may be."""
    metadata = live["metadata"]
    if ref.kind.name in NEVER:
        return f"kept: a {ref.kind} is never pruned"
    if str((metadata.get("annotations") or {}).get(PRUNE, "")).lower() == "disabled":
        return f"kept: its annotation {PRUNE} says disabled"
    if metadata.get("ownerReferences"):
        owner = metadata["ownerReferences"][0]
        return f"kept: it belongs to {owner.get('kind')} {owner.get('name')}"
    if not is_ours(live):
        return "kept: revstamp has not applied it"
    if (metadata.get("labels") or {}).get(ENDPOINT) != endpoint:
        return f"kept: it does not carry the label {ENDPOINT}={endpoint}"
    if metadata.get("deletionTimestamp"):
        return "kept: it is being deleted already"
    return ""
