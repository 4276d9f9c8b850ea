"""Which controller looks at what, when an object was made, changed or deleted.

Owns: the routing of every change, and the garbage collector. Refuses: what each controller does.
"""

from __future__ import annotations

from collections.abc import Callable

from generator.cluster.port import Body
from generator.cluster.simulated.autoscaling import Autoscalers
from generator.cluster.simulated.bodies import Address, controller_of, is_terminating
from generator.cluster.simulated.clock import Clock
from generator.cluster.simulated.deployments import Deployments
from generator.cluster.simulated.kserve import InferenceServices
from generator.cluster.simulated.kubelet import Kubelet
from generator.cluster.simulated.replica_sets import ReplicaSets
from generator.cluster.simulated.routes import Routes
from generator.cluster.simulated.scheduling import Scheduler
from generator.cluster.simulated.times import SimulatedTimes
from generator.cluster.simulated.world import (
    AUTOSCALER,
    DEPLOYMENT,
    INFERENCE_SERVICE,
    NODE,
    POD,
    QUOTA,
    REPLICA_SET,
    World,
)

_ROUTED = frozenset({("networking.k8s.io", "Ingress"), ("gateway.networking.k8s.io", "HTTPRoute"), ("", "Service")})


class Controllers:
    """Everything that acts in a simulated cluster by itself."""

    def __init__(self, clock: Clock, times: SimulatedTimes) -> None:
        self.world = World(clock, times, self.observe)
        self._deployments = Deployments(self.world)
        self._replica_sets = ReplicaSets(self.world)
        self._scheduler = Scheduler(self.world)
        self._kubelet = Kubelet(self.world)
        self._services = InferenceServices(self.world)
        self._autoscalers = Autoscalers(self.world)
        self._routes = Routes(self.world)

    def observe(self, address: Address, old: Body | None, new: Body | None) -> None:
        """Called for every change, under the lock; only puts work into the queue."""
        kind = address[0]
        if kind == POD:
            self._observe_pod(address, old, new)
        elif kind == REPLICA_SET:
            self._ask("ReplicaSet", address, self._replica_sets.sync, new)
            self._ask_owner(old, new)
        elif kind == DEPLOYMENT:
            self._observe_deployment(address, old, new)
        elif kind == INFERENCE_SERVICE:
            self._ask("InferenceService", address, self._services.sync, new)
        elif kind == AUTOSCALER:
            if old is None or new is None or old["spec"] != new["spec"]:
                self._autoscalers.note(address, new)
            self._ask_owner(old, new)
        elif kind in _ROUTED:
            self._ask("route", address, self._routes.sync, new)
            self._ask_owner(old, new)
        elif kind == NODE:
            self.world.driver.enqueue("nodes", self._scheduler.retry)
        elif kind == QUOTA:
            self._retry_refused(address[1])
        if new is None and old is not None:
            self._collect_children(str(old["metadata"]["uid"]))
        elif new is not None and old is None and new["metadata"].get("ownerReferences"):
            self._ask("garbage", address, self._collect, new)

    def _observe_pod(self, address: Address, old: Body | None, new: Body | None) -> None:
        if new is None:
            uid = str((old or {})["metadata"]["uid"])
            self._kubelet.forget(uid)
            self._scheduler.release(uid)
            self.world.events.forget(uid)
        elif new["spec"].get("nodeName"):
            if old is None or not old["spec"].get("nodeName"):
                self._ask("schedule", address, self._scheduler.sync, new)
            self._ask("kubelet", address, self._kubelet.sync, new)
        elif old is None:
            self._ask("schedule", address, self._scheduler.sync, new)
        self._ask_owner(old, new)

    def _observe_deployment(self, address: Address, old: Body | None, new: Body | None) -> None:
        self._ask("Deployment", address, self._deployments.sync, new)
        self._ask_owner(old, new)
        if new is not None and (old is None or old["spec"]["replicas"] != new["spec"]["replicas"]):
            self._autoscalers.note_target(address)
        if new is None and old is not None:
            self.world.events.forget(str(old["metadata"]["uid"]))

    def _ask(self, name: str, address: Address, sync: Callable[[Address], None], new: Body | None) -> None:
        if new is not None:
            self.world.driver.enqueue((name, address), lambda: sync(address))

    def _ask_owner(self, old: Body | None, new: Body | None) -> None:
        """Whoever owns it, or owned it until now, looks at it; who could adopt it, too."""
        for body in (old, new):
            owner = None if body is None else controller_of(body)
            if owner is None:
                continue
            found = self.world.store.find_uid(str(owner.get("uid")))
            if found is not None:
                self._ask_to_sync(found)
        if new is not None and controller_of(new) is None and not is_terminating(new) and new["kind"] == "ReplicaSet":
            for deployment in self.world.store.iterate(DEPLOYMENT, str(new["metadata"]["namespace"])):
                self._ask_to_sync(deployment)

    def _ask_to_sync(self, body: Body) -> None:
        metadata = body["metadata"]
        name, space = str(metadata["name"]), str(metadata.get("namespace") or "")
        if body["kind"] == "ReplicaSet":
            self._ask("ReplicaSet", (REPLICA_SET, space, name), self._replica_sets.sync, body)
        elif body["kind"] == "Deployment":
            self._ask("Deployment", (DEPLOYMENT, space, name), self._deployments.sync, body)
        elif body["kind"] == "InferenceService":
            self._ask("InferenceService", (INFERENCE_SERVICE, space, name), self._services.sync, body)

    def _retry_refused(self, namespace: str) -> None:
        """A quota was made, changed or is gone."""
        for body in self.world.store.iterate(REPLICA_SET, namespace):
            self._ask_to_sync(body)

    def _collect_children(self, uid: str) -> None:
        self.world.driver.enqueue(("collect", uid), lambda: self._collect_all(uid))

    def _collect_all(self, uid: str) -> None:
        for address in self.world.store.children_of_any_kind(uid):
            self._collect(address)

    def _collect(self, address: Address) -> None:
        """Delete an object of whose owners none is there any more."""
        body = self.world.store.find(address)
        if body is None:
            return
        owners = body["metadata"].get("ownerReferences") or ()
        if owners and all(self.world.store.find_uid(str(owner.get("uid"))) is None for owner in owners):
            self.world.delete(body)
