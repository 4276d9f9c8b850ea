"""What would have to be done so that objects of another maker become revstamp's.

Owns: looking at what is there, and one step for each object. Refuses: doing it (`adopt`). The plan is made anew from
the live objects each time, so that an adoption that was cut off goes on where it was.
Source: a selector is immutable and the old client made it of a random value, so the Deployment is deleted with its
ReplicaSets left behind, and the new one, whose selector is a label that the old pods carry, adopts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generator.cluster.apply_objects import order_manifests
from generator.cluster.drift import is_ours, say_makers
from generator.cluster.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    SERVICE,
    ObjectRef,
    ref_of,
)
from generator.cluster.orphans import count_replicas, find_orphans
from generator.cluster.policy import ADOPTING
from generator.cluster.port import Body, Cluster
from generator.cluster.replicas import scales
from generator.render.pods import REVISION


class Step(StrEnum):
    """What is done with one object."""

    CREATE = "create"
    NOTHING = "nothing"
    TAKE_OVER = "take over"
    """Its fields become ours, in place; those that git does not have go."""
    BRIDGE = "take over in two steps"
    """A Service keeps the port of the old pods until the new ones serve."""
    FINISH = "finish"
    """A Service that is bridged gets its final form once the old pods are gone."""
    REPLACE = "replace"
    """A Deployment is deleted without its pods, and the new one adopts them."""
    RESUME = "resume"
    """The Deployment is gone, its pods are there: the new one adopts them."""
    DELETE = "delete"
    """An autoscaler that git does not have would fight over the replicas."""
    STAYS = "stays"
    """It is none that git has, and does no harm."""
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class AdoptionStep:
    """One object's step. `words` say what happens and why; `replicas` are kept by REPLACE and RESUME."""

    ref: ObjectRef
    step: Step
    words: str
    manifest: Body | None = None
    live: Body | None = None
    replicas: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.ref.kind.name,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "step": self.step.value,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """All steps, in the order in which they are done."""

    steps: tuple[AdoptionStep, ...]

    @property
    def blocked(self) -> tuple[AdoptionStep, ...]:
        """What stands in the way."""
        return tuple(step for step in self.steps if step.step is Step.BLOCKED)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return all(step.step in (Step.NOTHING, Step.STAYS) for step in self.steps)


def plan_adoption(cluster: Cluster, manifests: Sequence[Body]) -> AdoptionPlan:
    """What is to be done so that these manifests can be applied to what is there."""
    steps: list[AdoptionStep] = []
    ordered = order_manifests(manifests)
    workload = next((body for body in ordered if ref_of(body).kind == DEPLOYMENT), None)
    old = cluster.read(ref_of(workload)) if workload is not None else None
    for manifest in ordered:
        ref = ref_of(manifest)
        live = old if manifest is workload else cluster.read(ref)
        if ref.kind == DEPLOYMENT:
            steps.append(_plan_deployment(cluster, ref, manifest, live))
        elif ref.kind == SERVICE:
            steps.append(_plan_service(ref, manifest, live, workload))
        else:
            steps.append(_plan_other(ref, manifest, live))
    if workload is not None:
        steps += _find_leftovers(cluster, ref_of(workload), {ref_of(body) for body in ordered})
    return AdoptionPlan(tuple(steps))


def _plan_other(ref: ObjectRef, manifest: Body, live: Body | None) -> AdoptionStep:
    if live is None:
        return AdoptionStep(ref, Step.CREATE, "there is none yet", manifest)
    if is_ours(live) and REVISION in (live["metadata"].get("annotations") or {}):
        return AdoptionStep(ref, Step.NOTHING, "it is revstamp's already", manifest, live)
    if owner := _owner(live):
        return AdoptionStep(ref, Step.BLOCKED, f"it belongs to {owner}, which would make it anew", manifest, live)
    words = f"made by {say_makers(live)}; its fields are taken over in place"
    return AdoptionStep(ref, Step.TAKE_OVER, words, manifest, live)


def _owner(live: Body) -> str:
    owners = live["metadata"].get("ownerReferences") or ()
    return f"{owners[0].get('kind')} {owners[0].get('name')}" if owners else ""


def _plan_deployment(cluster: Cluster, ref: ObjectRef, manifest: Body, live: Body | None) -> AdoptionStep:
    wanted = manifest["spec"]["selector"].get("matchLabels") or {}
    if live is None or (live["metadata"].get("deletionTimestamp") and not is_ours(live)):
        replicas = count_replicas(find_orphans(cluster, ref, manifest["spec"]["selector"]))
        if replicas:
            words = f"its {replicas} pods are there without it: the new one adopts them and rolls them"
            return AdoptionStep(ref, Step.RESUME, words, manifest, live, replicas)
    if live is None:
        return AdoptionStep(ref, Step.CREATE, "there is none yet", manifest)
    step = _plan_other(ref, manifest, live)
    if step.step is not Step.TAKE_OVER or live["spec"].get("selector") == manifest["spec"]["selector"]:
        return step
    labels = ((live["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    lacking = [f"{key}={value}" for key, value in wanted.items() if labels.get(key) != value]
    if lacking:
        words = f"its pods do not carry the label {', '.join(lacking)}, so that the new Deployment cannot adopt them"
        return AdoptionStep(ref, Step.BLOCKED, words, manifest, live)
    replicas = int(live["spec"].get("replicas", 1))
    old = ",".join(f"{key}={value}" for key, value in (live["spec"]["selector"].get("matchLabels") or {}).items())
    words = (
        f"its selector ({old}) cannot be changed: it is deleted without its {replicas} pods, and the new Deployment "
        "adopts them and rolls them"
    )
    return AdoptionStep(ref, Step.REPLACE, words, manifest, live, replicas)


def _plan_service(ref: ObjectRef, manifest: Body, live: Body | None, workload: Body | None) -> AdoptionStep:
    if live is not None and ADOPTING in (live["metadata"].get("annotations") or {}):
        words = "it is being taken over, and gets its final form once the old pods are gone"
        return AdoptionStep(ref, Step.FINISH if _names_a_port(live) else Step.BRIDGE, words, manifest, live)
    step = _plan_other(ref, manifest, live)
    if step.step is not Step.TAKE_OVER or live is None or workload is None:
        return step
    old_port, new_port = target_port(live), _number_of(manifest, workload)
    if old_port is None or not _names_a_port(manifest) or old_port == target_port(manifest):
        return step
    if old_port != new_port:
        words = (
            f"{step.words}; the old pods listen on {old_port}, the new ones on {new_port}: requests fail for those "
            "pods that do not listen where the Service points to, until all are replaced"
        )
        return AdoptionStep(ref, Step.TAKE_OVER, words, manifest, live)
    words = f"{step.words}; it points to port {old_port} by number until all pods name it {target_port(manifest)!r}"
    return AdoptionStep(ref, Step.BRIDGE, words, manifest, live)


def _ports(service: Body) -> list[Mapping[str, Any]]:
    return [port for port in (service.get("spec") or {}).get("ports") or () if isinstance(port, Mapping)]


def target_port(service: Body) -> Any:
    """The port of the pods that a Service points to: a number, a name, or None where it has no port."""
    ports = _ports(service)
    return ports[0].get("targetPort", ports[0].get("port")) if ports else None


def _names_a_port(service: Body) -> bool:
    return isinstance(target_port(service), str)


def _number_of(service: Body, workload: Body) -> Any:
    """The number that the new pods give to the port which the Service names."""
    name = target_port(service)
    for container in workload["spec"]["template"]["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return port.get("containerPort")
    return None


def _find_leftovers(cluster: Cluster, workload: ObjectRef, wanted: set[ObjectRef]) -> Iterator[AdoptionStep]:
    """What the old maker left beside: an autoscaler would fight, a route does no harm."""
    for body in cluster.list(AUTOSCALER, workload.namespace):
        ref = ObjectRef(AUTOSCALER, workload.namespace, str(body["metadata"]["name"]))
        if ref not in wanted and scales(body, workload) and not is_ours(body) and not _owner(body):
            words = "git has no autoscaler for this workload; it would go on changing the number of replicas"
            yield AdoptionStep(ref, Step.DELETE, words, None, body)
    for kind in (INGRESS, HTTP_ROUTE):
        ref = ObjectRef(kind, workload.namespace, f"{workload.name}-{'ingress' if kind == INGRESS else 'route'}")
        if ref not in wanted and (live := cluster.read(ref)) is not None and not is_ours(live):
            words = "git routes in another way; delete it by hand once nothing comes in through it any more"
            yield AdoptionStep(ref, Step.STAYS, words, None, live)
