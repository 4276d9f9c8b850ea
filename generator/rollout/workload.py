"""The workload of an endpoint: whether it carries the revision, what its controllers have made of it.

Owns: telling the new ReplicaSet and its pods from all others, and what the controllers have counted. Refuses: phases
and failures. Rules: an InferenceService's `observedGeneration` is that of its child Deployment and is not read; a
Deployment's counts hold only once the controller has observed its generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from generator.render.pods import KNATIVE_MODES, MODE, ORDINAL, STANDARD_MODES, STOP, items_at, map_at, value_at
from generator.rollout.live import (
    controller_uid,
    is_terminating,
    newest,
    read_count,
    read_name,
    read_revision,
    read_text,
    read_uid,
    spec_written_at,
    template_revision,
)
from generator.rollout.pods import Pod, read_pod
from generator.rollout.status import Body, Expectation, LiveObjects

INFERENCE_SERVICE = "InferenceService"
OTHER_COMPONENTS = ("transformer", "explainer")
"""KServe's label `component` of pods that are no predictor."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What git asks for against what is there."""

    is_applied: bool
    """Whether the object carries the revision, and is not being deleted."""
    is_superseded: bool
    absence: str
    """Why it is not applied, for people."""
    is_stopped: bool
    """Whether git wants no pods."""
    deployment: Body | None
    """The Deployment where its template carries the pod revision."""
    replica_set: Body | None
    """The newest ReplicaSet of that template."""
    is_made: bool
    """Whether the controllers have made something of this revision: there is a Deployment or a Knative Revision."""
    is_observed: bool
    is_counted: bool
    """Whether the controller counts as many updated and available pods as are wanted, and no others."""
    wanted: int
    written_at: datetime | None
    """When the object was last written or applied, as far as that is known."""
    traffic: int = 100
    """Percent of the requests that the revision should get; less only in Knative."""
    is_knative: bool = False


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of an endpoint. `new` are those of the new ReplicaSet that carry the pod revision."""

    new: tuple[Pod, ...]
    old: tuple[Pod, ...]

    @property
    def active(self) -> tuple[Pod, ...]:
        """New pods that count as replicas."""
        return tuple(pod for pod in self.new if pod.is_active)

    @property
    def ready(self) -> tuple[Pod, ...]:
        """New pods that serve."""
        return tuple(pod for pod in self.new if pod.is_ready)

    @property
    def lingering(self) -> tuple[Pod, ...]:
        """Old pods that are neither gone nor terminating."""
        return tuple(pod for pod in self.old if pod.is_active)

    @property
    def terminating(self) -> tuple[Pod, ...]:
        """Pods of any revision that are being deleted and still run."""
        return tuple(pod for pod in (*self.new, *self.old) if pod.is_terminating and not pod.is_finished)


def read_workload(expectation: Expectation, live: LiveObjects) -> Workload:
    """Compare the live objects with what is expected."""
    absence = find_absence(expectation, live.workload)
    if is_knative(expectation, live):
        return read_knative(expectation, live, absence)
    stopped = expectation.replicas == 0 and not expectation.scales_to_zero
    deployment = live.deployment if expectation.kind == INFERENCE_SERVICE else live.workload
    if absence or template_revision(deployment) != expectation.pod_revision or is_terminating(deployment):
        deployment = None
    chosen = find_replica_set(expectation, deployment, live.replica_sets)
    asked = read_replicas(deployment)
    return Workload(
        is_applied=not absence,
        is_superseded=is_superseded(expectation, live.workload),
        absence=absence,
        is_stopped=stopped,
        deployment=deployment,
        replica_set=chosen,
        is_made=deployment is not None,
        is_observed=deployment is not None and _is_observed(deployment),
        is_counted=deployment is not None and _is_counted(deployment, expectation.replicas),
        wanted=0 if stopped else max(expectation.replicas, asked),
        written_at=newest(
            expectation.applied_at,
            *(spec_written_at(body) for body in (live.workload, deployment) if body is not None),
        ),
    )


def is_knative(expectation: Expectation, live: LiveObjects) -> bool:
    """Whether the InferenceService runs as Knative Revisions: its mode says so, or there are some and no Deployment."""
    if expectation.kind != INFERENCE_SERVICE:
        return False
    mode = read_text(live.workload, "metadata", "annotations", MODE)
    return mode in KNATIVE_MODES or (bool(live.revisions) and live.deployment is None and mode not in STANDARD_MODES)


def read_knative(expectation: Expectation, live: LiveObjects, absence: str) -> Workload:
    """The newest Knative Revision: created and ready are the same, it carries our annotation, traffic matches."""
    predictor = map_at(live.workload, "status", "components", "predictor")
    created, ready = (str(predictor.get(f"latest{name}Revision") or "") for name in ("Created", "Ready"))
    carried = [read_revision(body) for body in live.revisions if read_name(body) == created]
    is_made = not absence and carried == [expectation.pod_revision]
    share = value_at(live.workload, "spec", "predictor", "canaryTrafficPercent")
    wanted = share if isinstance(share, int) else 100
    routed = sum(
        read_count(target, "percent")
        for target in items_at(predictor, "traffic")
        if target.get("latestRevision") or target.get("revisionName") == created
    )
    stopped = expectation.replicas == 0 and not expectation.scales_to_zero
    return Workload(
        is_applied=not absence,
        is_superseded=is_superseded(expectation, live.workload),
        absence=absence,
        is_stopped=stopped,
        deployment=None,
        replica_set=None,
        is_made=is_made,
        is_observed=is_made,
        is_counted=is_made and created == ready and routed == wanted,
        wanted=expectation.replicas,
        written_at=newest(expectation.applied_at, spec_written_at(live.workload) if live.workload else None),
        traffic=wanted,
        is_knative=True,
    )


def is_superseded(expectation: Expectation, workload: Body | None) -> bool:
    """Whether the object, or the template of its pods, carries a revision newer than the one that is asked about."""
    carried = (read_revision(workload), template_revision(workload))
    return any(revision is not None and revision > expectation.revision for revision in carried)


def find_absence(expectation: Expectation, workload: Body | None) -> str:
    """Why the workload does not count as applied; empty where it does."""
    if workload is None:
        return f"there is no {expectation.kind} {expectation.workload}"
    if is_terminating(workload):
        return f"{expectation.kind} {expectation.workload} is being deleted"
    own = read_revision(workload)
    if expectation.kind == INFERENCE_SERVICE:
        return _find_service_absence(expectation, workload, own)
    carried = template_revision(workload)
    if carried != expectation.pod_revision:
        return f"the Deployment's pods are of r{carried if carried is not None else '?'}"
    if expectation.workload_revision is not None and own != expectation.workload_revision:
        return f"the Deployment is of r{own if own is not None else '?'}"
    return ""


def _find_service_absence(expectation: Expectation, workload: Body, own: int | None) -> str:
    """Its own annotation is the pod revision; a stop changes no revision, so it is looked at too."""
    if own != expectation.pod_revision:
        return f"the InferenceService is of r{own if own is not None else '?'}"
    asked = read_text(workload, "metadata", "annotations", STOP).lower() == "true"
    if asked and expectation.replicas > 0:
        return "the InferenceService is still stopped"
    if not asked and expectation.replicas == 0 and not expectation.scales_to_zero:
        return "the InferenceService is not stopped yet"
    return ""


def find_replica_set(expectation: Expectation, deployment: Body | None, replica_sets: Sequence[Body]) -> Body | None:
    """The ReplicaSet of the Deployment's present template, by the owner chain and the pod revision."""
    if deployment is None:
        return None
    owner = read_uid(deployment)
    mine = [
        body
        for body in replica_sets
        if template_revision(body) == expectation.pod_revision
        and not is_terminating(body)
        and (not owner or controller_uid(body) in ("", owner))
    ]
    return max(mine, key=_ordinal, default=None)


def _ordinal(body: Body) -> tuple[int, str]:
    text = read_text(body, "metadata", "annotations", ORDINAL)
    return (int(text) if text.isascii() and text.isdigit() else 0, read_text(body, "metadata", "creationTimestamp"))


def sort_pods(expectation: Expectation, workload: Workload, live: LiveObjects) -> Pods:
    """A pod is new by its own annotation and by its ReplicaSet, where that one is known."""
    known = {read_uid(body) for body in live.replica_sets}
    chosen = read_uid(workload.replica_set)
    new: list[Pod] = []
    old: list[Pod] = []
    for body in live.pods:
        if expectation.kind == INFERENCE_SERVICE and _component(body) in OTHER_COMPONENTS:
            continue
        pod = read_pod(body)
        is_new = pod.revision == expectation.pod_revision and (
            workload.is_knative or pod.replica_set == chosen or pod.replica_set not in known
        )
        (new if is_new else old).append(pod)
    return Pods(tuple(new), tuple(old))


def _component(body: Body) -> str:
    return read_text(body, "metadata", "labels", "component")


def read_replicas(deployment: Body | None) -> int:
    """How many pods the Deployment asks for now; an autoscaler may have changed what git says. 1 is the API's own."""
    if deployment is None:
        return 0
    return 1 if value_at(deployment, "spec", "replicas") is None else read_count(deployment, "spec", "replicas")


def _is_observed(deployment: Body) -> bool:
    seen = read_count(deployment, "status", "observedGeneration")
    return seen >= read_count(deployment, "metadata", "generation")


def _is_counted(deployment: Body, least: int) -> bool:
    names = ("replicas", "updatedReplicas", "availableReplicas")
    counts = {read_count(deployment, "status", name) for name in names}
    asked = read_replicas(deployment)
    return _is_observed(deployment) and counts == {asked} and asked >= least
