"""The ReplicaSet controller: as many pods as are wanted.

Owns: making, choosing and deleting pods of one ReplicaSet, and its status. Refuses: templates; those are the
Deployment's.
"""

from __future__ import annotations

from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import (
    Address,
    controller_of,
    find_condition,
    is_terminating,
    labels_of,
    make_owner_reference,
)
from generator.cluster.simulated.clock import parse_time
from generator.cluster.simulated.quotas import find_exceeded
from generator.cluster.simulated.selectors import matches
from generator.cluster.simulated.world import POD, World

_COMPONENT = "replicaset-controller"
_LONGEST_RETRY = 60.0


class ReplicaSets:
    """Keeps ReplicaSets at their number of pods."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._retries: dict[str, int] = {}

    def sync(self, address: Address) -> None:
        """Bring one ReplicaSet nearer to what it says."""
        found = self._world.store.find(address)
        if found is None:
            return
        failure = ""
        if not is_terminating(found):
            self._adopt(found)
            failure = self._scale(found)
        self._write_status(found, failure)

    def _pods(self, owner: Body) -> list[Body]:
        return self._world.store.children(str(owner["metadata"]["uid"]), POD)

    def _adopt(self, owner: Body) -> None:
        """Pods that nobody owns and that the selector matches belong to it."""
        for pod in self._world.store.ownerless(POD, owner["metadata"]["namespace"]):
            if not is_terminating(pod) and matches(owner["spec"]["selector"], labels_of(pod)):
                metadata = {**pod["metadata"], "ownerReferences": [make_owner_reference(owner)]}
                self._world.store.replace({**pod, "metadata": metadata})

    def _scale(self, owner: Body) -> str:
        """What kept it from its number of pods; nothing where nothing did."""
        pods = [pod for pod in self._pods(owner) if is_active(pod)]
        missing = int(owner["spec"].get("replicas", 1)) - len(pods)
        for _ in range(max(0, missing)):
            if failure := self._make_pod(owner):
                return failure
        for pod in sorted(pods, key=_worth)[: max(0, -missing)]:
            self._world.delete(pod)
            self._tell(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        self._retries.pop(str(owner["metadata"]["uid"]), None)
        return ""

    def _make_pod(self, owner: Body) -> str:
        template, metadata = owner["spec"]["template"], owner["metadata"]
        given = {key: value for key, value in template["metadata"].items() if key in ("labels", "annotations")}
        name = f"{metadata['name']}-{self._world.make_suffix()}"
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "generateName": f"{metadata['name']}-",
                "namespace": metadata["namespace"],
                **given,
                "ownerReferences": [make_owner_reference(owner)],
            },
            "spec": {"enableServiceLinks": True, **template["spec"]},
        }
        if exceeded := find_exceeded(self._world.store, body):
            failure = f'pods "{name}" is forbidden: {exceeded}'
            self._tell(owner, "Warning", "FailedCreate", f"Error creating: {failure}")
            self._retry(owner)
            return failure
        self._world.create(body)
        self._tell(owner, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        return ""

    def _retry(self, owner: Body) -> None:
        uid = str(owner["metadata"]["uid"])
        times = self._retries.get(uid, 0)
        self._retries[uid] = times + 1
        pause = min(_LONGEST_RETRY, self._world.times.create_retry_seconds * 2**times)
        address = (("apps", "ReplicaSet"), str(owner["metadata"]["namespace"]), str(owner["metadata"]["name"]))
        self._world.driver.schedule(
            pause, lambda: self._world.driver.enqueue(("ReplicaSet", address), lambda: self.sync(address))
        )

    def _tell(self, owner: Body, sort: str, reason: str, message: str) -> None:
        self._world.events.write(owner, sort, reason, message, _COMPONENT)

    def _write_status(self, owner: Body, failure: str) -> None:
        live = self._world.store.find_uid(str(owner["metadata"]["uid"]))
        if live is None:
            return
        all_pods = self._pods(live)
        pods = [pod for pod in all_pods if is_active(pod)]
        labels = (live["spec"]["template"].get("metadata") or {}).get("labels") or {}
        available = [pod for pod in pods if self._is_available(live, pod)]
        counts = {
            "fullyLabeledReplicas": sum(labels.items() <= labels_of(pod).items() for pod in pods),
            "readyReplicas": sum(is_ready(pod) for pod in pods),
            "availableReplicas": len(available),
        }
        status: dict[str, Any] = {
            "replicas": len(pods),
            **{name: count for name, count in counts.items() if count},
            "terminatingReplicas": len([pod for pod in all_pods if is_terminating(pod)]),
            "observedGeneration": live["metadata"]["generation"],
        }
        if failure:
            status["conditions"] = [self._failure_condition(live, failure)]
        self._world.write_status(live, status)

    def _failure_condition(self, live: Body, failure: str) -> dict[str, Any]:
        known = find_condition(live, "ReplicaFailure")
        return {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": known.get("lastTransitionTime") or self._world.now_text(),
            "reason": "FailedCreate",
            "message": known.get("message") or failure,
        }

    def _is_available(self, owner: Body, pod: Body) -> bool:
        """Ready, and for as long as `minReadySeconds` says."""
        if not is_ready(pod):
            return False
        wait = float(owner["spec"].get("minReadySeconds", 0))
        if not wait:
            return True
        left = parse_time(find_condition(pod, "Ready")["lastTransitionTime"]) + wait - self._world.clock.now()
        if left <= 0:
            return True
        address = (("apps", "ReplicaSet"), str(owner["metadata"]["namespace"]), str(owner["metadata"]["name"]))
        self._world.driver.schedule(left, lambda: self.sync(address))
        return False


def is_active(pod: Body) -> bool:
    """Whether it counts: not being deleted, not ended."""
    return not is_terminating(pod) and (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")


def is_ready(pod: Body) -> bool:
    """By its own condition."""
    return find_condition(pod, "Ready").get("status") == "True"


def _worth(pod: Body) -> tuple[Any, ...]:
    """What goes first when there are too many: unscheduled, pending, unready, young."""
    status = pod.get("status") or {}
    restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ())
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        is_ready(pod),
        -restarts,
        -parse_time(pod["metadata"]["creationTimestamp"]),
        pod["metadata"]["name"],
    )


def is_controlled_by(body: Body, uid: str) -> bool:
    """Whether this is the controller that owns it."""
    owner = controller_of(body)
    return owner is not None and owner.get("uid") == uid
