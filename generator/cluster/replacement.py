"""A Deployment makes place for a new one of its name, and its pods go on serving.

Owns: asking beforehand whether the new one would be admitted, deleting the old one without its pods, making the new.
Refuses: deciding that it has to be (`adoption_plan`), and what follows (`adopt`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from generator.cluster.adoption_plan import AdoptionStep
from generator.cluster.changes import Action, ObjectChange
from generator.cluster.kinds import ObjectRef
from generator.cluster.port import Body, Cluster, Propagation
from generator.errors import ClusterUnreachable, RevstampError

_ORPHAN_SECONDS = 60.0
"""How long the garbage collector may take to let go of the ReplicaSets."""
_CHECK = "-adopt-check"
"""Ends the name under which the API server is asked; no object of this name is ever made."""
_LONGEST_NAME = 253

WaitFor = Callable[[Callable[[], bool], float], bool]
"""Waits until a condition is true, for so many seconds at most; whether it became true."""


def find_refusal(cluster: Cluster, step: AdoptionStep) -> ObjectChange | None:
    """What the API server has against the new Deployment: schema, webhooks, policies and quotas speak in a dry run.

    Under a name of its own, for the old one still has the name that it will get.
    """
    body = _with_replicas(step)
    name = f"{step.ref.name[: _LONGEST_NAME - len(_CHECK)].rstrip('.-')}{_CHECK}"
    try:
        cluster.apply({**body, "metadata": {**body["metadata"], "name": name}}, dry_run=True)
    except RevstampError as error:
        words = f"{step.ref} is left as it is, for the new one would not be admitted: {error.message}"
        return ObjectChange(step.ref, Action.FAILED, words, error)
    return None


def _with_replicas(step: AdoptionStep) -> dict[str, Any]:
    """The manifest with the number of replicas that is kept."""
    manifest = step.manifest or {}
    return {**manifest, "spec": {**manifest["spec"], "replicas": step.replicas}}


def replace_deployment(cluster: Cluster, step: AdoptionStep, wait_for: WaitFor) -> ObjectChange:
    """Delete the Deployment without its ReplicaSets, wait until it is gone, make the new one with as many replicas.

    Where it is gone already, only the last. ClusterUnreachable where it is not gone in time.
    """
    if step.live is not None:
        if not step.live["metadata"].get("deletionTimestamp"):
            uid = str(step.live["metadata"]["uid"])
            cluster.delete(step.ref, uid=uid, propagation=Propagation.ORPHAN)
        if not wait_for(lambda: _is_gone(cluster, step.ref, step.live), _ORPHAN_SECONDS):
            raise ClusterUnreachable(
                f"{step.ref} is still being deleted: the garbage collector has not let go of its ReplicaSets",
                hint="its pods go on serving; run it again, and look at kube-controller-manager",
            )
    if cluster.read(step.ref) is not None:  # a reconciler that came in between has kept its pods too
        return ObjectChange(step.ref, Action.UNCHANGED, "it has been made anew meanwhile")
    cluster.apply(_with_replicas(step))
    return ObjectChange(step.ref, Action.CREATED, f"it adopts {step.replicas} pods and rolls them")


def _is_gone(cluster: Cluster, ref: ObjectRef, old: Body | None) -> bool:
    live = cluster.read(ref)
    return live is None or (old is not None and live["metadata"]["uid"] != old["metadata"]["uid"])
