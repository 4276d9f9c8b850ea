"""The Deployment controller: from one template to the next.

Owns: which ReplicaSet is the new one, and how many replicas each has. Refuses: pods (`replica_sets`), what the status
says (`deployment_status`).
Source: Kubernetes documentation, "Deployments"; the order of steps as a real controller shows it.
"""

from __future__ import annotations

from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import (
    Address,
    annotations_of,
    find_condition,
    is_terminating,
    labels_of,
    make_owner_reference,
)
from generator.cluster.simulated.deployment_status import DeploymentStatus, progress_condition, with_condition
from generator.cluster.simulated.replica_set_facts import (
    DESIRED,
    HASH,
    HISTORY,
    REVISION,
    age_of,
    compare_key,
    copied_annotations,
    count_available,
    count_pods,
    hash_template,
    is_saturated,
    revision_of,
    scale_annotations,
    share_replicas,
)
from generator.cluster.simulated.rolling import Limits, count_new, count_removable, read_limits
from generator.cluster.simulated.selectors import matches
from generator.cluster.simulated.world import POD, REPLICA_SET, World

_COMPONENT = "deployment-controller"


class Deployments:
    """Rolls Deployments."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._status = DeploymentStatus(world)

    def sync(self, address: Address) -> None:
        """One step; what it changes asks for the next one."""
        deployment = self._world.store.find(address)
        if deployment is None:
            return
        if is_terminating(deployment):
            self._status.write(deployment, self._owned(deployment), self._find_new(deployment))
            return
        self._adopt(deployment)
        if deployment["spec"].get("paused") or self._is_scaled(deployment):
            self._scale(deployment)
        elif (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            self._recreate(deployment)
        else:
            self._roll(deployment)
        live = self._world.store.find(address)
        if live is not None:
            new = self._find_new(live)
            self._status.write(live, self._owned(live), new)
            self._clean_up(live, new)

    def _owned(self, deployment: Body) -> list[Body]:
        return self._world.store.children(str(deployment["metadata"]["uid"]), REPLICA_SET)

    def _adopt(self, deployment: Body) -> None:
        """ReplicaSets that nobody owns and that the selector matches belong to it."""
        for one in self._world.store.ownerless(REPLICA_SET, deployment["metadata"]["namespace"]):
            if not is_terminating(one) and matches(deployment["spec"]["selector"], labels_of(one)):
                metadata = {**one["metadata"], "ownerReferences": [make_owner_reference(deployment)]}
                self._world.store.replace({**one, "metadata": metadata})

    def _find_new(self, deployment: Body) -> Body | None:
        """The ReplicaSet whose template is the Deployment's; the oldest, where there are several."""
        wanted = compare_key(deployment["spec"]["template"])
        same = [one for one in self._owned(deployment) if compare_key(one["spec"]["template"]) == wanted]
        return min(same, key=age_of) if same else None

    def _old(self, deployment: Body, new: Body | None) -> list[Body]:
        """All others, the oldest first."""
        name = new["metadata"]["name"] if new else ""
        return sorted((one for one in self._owned(deployment) if one["metadata"]["name"] != name), key=age_of)

    def _is_scaled(self, deployment: Body) -> bool:
        """Whether the wanted number changed since the ReplicaSets were last scaled."""
        wanted = str(deployment["spec"]["replicas"])
        active = [one for one in self._owned(deployment) if one["spec"]["replicas"] > 0]
        return any(annotations_of(one).get(DESIRED, wanted) != wanted for one in active)

    def _scale(self, deployment: Body) -> None:
        """Give all active ReplicaSets their share of the wanted number."""
        new, wanted = self._find_new(deployment), int(deployment["spec"]["replicas"])
        everyone = self._old(deployment, new) + ([new] if new else [])
        active = [one for one in everyone if one["spec"]["replicas"] > 0]
        if len(active) <= 1:
            if latest := (active or [new] if new else active):
                self._set_replicas(deployment, latest[0], wanted)
            return
        if new is not None and is_saturated(new, wanted):
            for one in self._old(deployment, new):
                self._set_replicas(deployment, one, 0)
            return
        limits = read_limits(deployment["spec"]["strategy"], wanted)
        most = wanted + limits.surge if wanted else 0
        for one, replicas in share_replicas(active, most):
            self._set_replicas(deployment, one, replicas)

    def _roll(self, deployment: Body) -> None:
        wanted = int(deployment["spec"]["replicas"])
        limits = read_limits(deployment["spec"]["strategy"], wanted)
        new = self._require_new(deployment, lambda total: count_new(wanted, limits, 0, total))
        old = self._old(deployment, new)
        total = sum(one["spec"]["replicas"] for one in old)
        replicas = count_new(wanted, limits, new["spec"]["replicas"], total + new["spec"]["replicas"])
        if replicas != new["spec"]["replicas"]:
            self._set_replicas(deployment, new, replicas)
            return
        self._refresh(deployment, new)
        if total:
            self._shrink_old(deployment, new, old, limits)

    def _shrink_old(self, deployment: Body, new: Body, old: list[Body], limits: Limits) -> None:
        """First what is not available anyway, then as many as may be missing."""
        wanted = int(deployment["spec"]["replicas"])
        running = new["spec"]["replicas"]
        total = running + sum(one["spec"]["replicas"] for one in old)
        removable = count_removable(wanted, limits, running, count_available(new), total)
        counts = {one["metadata"]["name"]: int(one["spec"]["replicas"]) for one in old}
        for one in old:
            name = one["metadata"]["name"]
            unhealthy = min(removable, max(0, counts[name] - count_available(one)))
            counts[name] -= unhealthy
            removable -= unhealthy
        spare = count_available(new) + sum(map(count_available, old)) - (wanted - limits.unavailable)
        for one in old:
            name = one["metadata"]["name"]
            gone = min(counts[name], max(0, min(spare, removable)))
            counts[name] -= gone
            spare -= gone
            removable -= gone
        for one in old:
            self._set_replicas(deployment, one, counts[one["metadata"]["name"]])

    def _recreate(self, deployment: Body) -> None:
        """All old pods go, to the last, before the first new one comes."""
        new = self._find_new(deployment)
        old = self._old(deployment, new)
        if any(one["spec"]["replicas"] for one in old):
            for one in old:
                self._set_replicas(deployment, one, 0)
            return
        if any(self._world.store.children(str(one["metadata"]["uid"]), POD) for one in old):
            return
        wanted = int(deployment["spec"]["replicas"])
        new = self._require_new(deployment, lambda _: wanted)
        self._set_replicas(deployment, new, wanted)
        self._refresh(deployment, new)

    def _require_new(self, deployment: Body, count: Any) -> Body:
        """The new ReplicaSet, made where there is none, with the revision after all others'."""
        new = self._find_new(deployment)
        old = self._old(deployment, new)
        revision = str(1 + max((revision_of(one) for one in old), default=0))
        if new is None:
            new = self._make(deployment, revision, count(sum(one["spec"]["replicas"] for one in old)))
            if deployment["spec"].get("progressDeadlineSeconds"):
                self._note(deployment, "NewReplicaSetCreated", f'Created new replica set "{new["metadata"]["name"]}"')
        elif revision_of(new) < int(revision):
            new = self._raise_revision(new, revision)
        if not find_condition(deployment, "Progressing"):
            self._note(deployment, "FoundNewReplicaSet", f'Found new replica set "{new["metadata"]["name"]}"')
        live = self._reread(deployment)
        if annotations_of(live).get(REVISION) != annotations_of(new).get(REVISION):
            annotations = {**annotations_of(live), REVISION: annotations_of(new)[REVISION]}
            self._world.update(
                {**live, "metadata": {**live["metadata"], "annotations": annotations}}, subresource="status"
            )
        return new

    def _make(self, deployment: Body, revision: str, replicas: int) -> Body:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        name, digest = self._choose_name(deployment)
        inner = template.get("metadata") or {}
        labels = {**(inner.get("labels") or {}), HASH: digest}
        selector = deployment["spec"]["selector"]
        body: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {**copied_annotations(deployment), REVISION: revision, **scale_annotations(deployment)},
                "ownerReferences": [make_owner_reference(deployment)],
            },
            "spec": {
                "replicas": replicas,
                **({"minReadySeconds": wait} if (wait := deployment["spec"].get("minReadySeconds")) else {}),
                "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH: digest}},
                "template": {**template, "metadata": {**inner, "labels": labels}},
            },
            "status": {"replicas": 0},
        }
        made = self._world.create(body)
        self._tell(deployment, f"Scaled up replica set {name} from 0 to {replicas}")
        return made

    def _choose_name(self, deployment: Body) -> tuple[str, str]:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        for collision in range(1000):
            digest = hash_template(template, collision)
            name = f"{metadata['name']}-{digest}"
            if self._world.store.find((REPLICA_SET, metadata["namespace"], name)) is None:
                return name, digest
        raise AssertionError(f"no free name for a ReplicaSet of {metadata['name']}")

    def _raise_revision(self, new: Body, revision: str) -> Body:
        """A ReplicaSet that was the new one before is it again."""
        annotations = dict(annotations_of(new))
        history = [part for part in annotations.get(HISTORY, "").split(",") if part]
        annotations |= {HISTORY: ",".join([*history, annotations.get(REVISION, "0")]), REVISION: revision}
        return self._world.write({**new, "metadata": {**new["metadata"], "annotations": annotations}})

    def _refresh(self, deployment: Body, new: Body) -> None:
        """Annotations of the Deployment stand on its ReplicaSet too."""
        live = self._world.store.find_uid(str(new["metadata"]["uid"]))
        if live is not None:
            annotations = {**annotations_of(live), **copied_annotations(deployment), **scale_annotations(deployment)}
            self._world.write({**live, "metadata": {**live["metadata"], "annotations": annotations}})

    def _set_replicas(self, deployment: Body, one: Body, replicas: int) -> None:
        before = int(one["spec"]["replicas"])
        annotations = {**annotations_of(one), **scale_annotations(deployment)}
        if before == replicas and annotations == annotations_of(one):
            return
        metadata = {**one["metadata"], "annotations": annotations}
        self._world.write({**one, "metadata": metadata, "spec": {**one["spec"], "replicas": replicas}})
        if before != replicas:
            way = "up" if replicas > before else "down"
            self._tell(deployment, f"Scaled {way} replica set {one['metadata']['name']} from {before} to {replicas}")

    def _clean_up(self, deployment: Body, new: Body | None) -> None:
        """Old ReplicaSets without pods go, but for as many as the history keeps."""
        if new is None or not self._status.is_complete(deployment):
            return
        keep = int(deployment["spec"].get("revisionHistoryLimit", 10))
        empty = [one for one in self._old(deployment, new) if not one["spec"]["replicas"] and count_pods(one) == 0]
        for one in sorted(empty, key=revision_of)[: max(0, len(empty) - keep)]:
            self._world.delete(one)

    def _note(self, deployment: Body, reason: str, message: str) -> None:
        live = self._reread(deployment)
        condition = progress_condition(live, "True", reason, message, self._world.now_text())
        self._world.update({**live, "status": with_condition(live, condition)}, subresource="status")

    def _reread(self, deployment: Body) -> Body:
        return self._world.store.find_uid(str(deployment["metadata"]["uid"])) or deployment

    def _tell(self, deployment: Body, message: str) -> None:
        self._world.events.write(deployment, "Normal", "ScalingReplicaSet", message, _COMPONENT)
