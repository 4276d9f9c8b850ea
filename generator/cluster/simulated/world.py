"""What every part of a simulated cluster works on: objects, time, queue, events.

Owns: how controllers create, write and delete. Refuses: what a client may do (`cluster`), and why anything happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address, address_of, is_terminating
from generator.cluster.simulated.clock import Clock, format_time
from generator.cluster.simulated.defaults import set_defaults
from generator.cluster.simulated.driver import Driver
from generator.cluster.simulated.event_log import EventLog
from generator.cluster.simulated.field_owners import update_body, update_status
from generator.cluster.simulated.store import Observer, Store
from generator.cluster.simulated.times import SimulatedTimes

POD = ("", "Pod")
NODE = ("", "Node")
QUOTA = ("", "ResourceQuota")
DEPLOYMENT = ("apps", "Deployment")
REPLICA_SET = ("apps", "ReplicaSet")
SERVICE = ("", "Service")
AUTOSCALER = ("autoscaling", "HorizontalPodAutoscaler")
INFERENCE_SERVICE = ("serving.kserve.io", "InferenceService")
CONTROLLER_MANAGER = "kube-controller-manager"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class World:
    """Shared by all controllers of one cluster; used only under the driver's lock."""

    def __init__(self, clock: Clock, times: SimulatedTimes, observe: Observer) -> None:
        self.clock = clock
        self.times = times
        self.driver = Driver(clock)
        self.store = Store(clock, observe)
        self.events = EventLog(self.store, clock)
        self._suffixes = itertools.count(1)

    def now_text(self) -> str:
        """The time as the API writes it."""
        return format_time(self.clock.now())

    def make_suffix(self) -> str:
        """Five letters that end the name of a pod, never twice the same."""
        number, text = next(self._suffixes) * 7919, ""
        for _ in range(5):
            number, place = divmod(number, len(_LETTERS))
            text = _LETTERS[place] + text
        return text

    def create(self, body: dict[str, Any], manager: str = CONTROLLER_MANAGER) -> Body:
        """Store a new object of a controller, with its defaults."""
        group = address_of(body)[0][0]
        return self.store.insert(set_defaults(update_body(group, None, body, manager, self.now_text())))

    def update(self, body: Mapping[str, Any], manager: str = CONTROLLER_MANAGER, subresource: str = "") -> Body:
        """Write what a controller changed of something that others own fields of; nothing where it changed nothing."""
        address = address_of(body)
        live = self.store.find(address)
        if live is None or body == live:
            return body
        if subresource == "status":
            owned = update_status(address[0][0], live, body, manager, self.now_text())
            return self.store.replace(owned, in_status=True)
        owned = update_body(address[0][0], live, body, manager, self.now_text(), subresource)
        return self.store.replace(set_defaults(owned))

    def write(self, body: Mapping[str, Any]) -> Body:
        """Write what only one controller ever writes: who owns its fields stays as it is."""
        return self.store.replace(body)

    def write_status(self, body: Body, status: Mapping[str, Any]) -> Body:
        """Write the status of something that only controllers write: owners of its fields are not kept."""
        return self.store.replace({**body, "status": status}, in_status=True)

    def delete(self, body: Body, orphan: bool = False) -> None:
        """Begin to delete an object; a pod drains first, finalizers are waited for."""
        address = address_of(body)
        if is_terminating(body):
            return
        metadata = body["metadata"]
        finalizers = [*(metadata.get("finalizers") or ()), *(["orphan"] if orphan else [])]
        if address[0] == POD and (body.get("spec") or {}).get("nodeName"):
            grace = int(body["spec"].get("terminationGracePeriodSeconds", 30))
            self._mark(body, grace, finalizers)
        elif finalizers:
            self._mark(body, 0, finalizers)
        else:
            self.store.remove(address)
        if orphan:
            uid = str(metadata["uid"])
            self.driver.enqueue(("orphan", uid), lambda: self._let_go(uid))

    def finish_deletion(self, body: Body) -> bool:
        """Remove an object that is being deleted and that no finalizer holds any more."""
        if not is_terminating(body) or body["metadata"].get("finalizers"):
            return False
        if address_of(body)[0] == POD and (body.get("spec") or {}).get("nodeName"):
            return False
        return self.store.remove(address_of(body)) is not None

    def _mark(self, body: Body, grace: int, finalizers: list[str]) -> None:
        metadata = {
            **body["metadata"],
            "deletionTimestamp": format_time(self.clock.now() + grace),
            "deletionGracePeriodSeconds": grace,
        }
        if finalizers:
            metadata["finalizers"] = finalizers
        generation = metadata.get("generation")
        if generation is not None and address_of(body)[0] != POD:
            metadata["generation"] = generation + 1
        self.store.replace({**body, "metadata": metadata})

    def _let_go(self, uid: str) -> None:
        """Take the owner out of all that it owns, then let it go."""
        for address in self.store.children_of_any_kind(uid):
            child = self.store.find(address)
            if child is not None:
                left = [one for one in child["metadata"]["ownerReferences"] if one.get("uid") != uid]
                metadata = {key: value for key, value in child["metadata"].items() if key != "ownerReferences"}
                if left:
                    metadata["ownerReferences"] = left
                self.store.replace({**child, "metadata": metadata})
        owner = self.store.find_uid(uid)
        if owner is not None:
            finalizers = [name for name in owner["metadata"].get("finalizers") or () if name != "orphan"]
            metadata = {**owner["metadata"], "finalizers": finalizers}
            if not finalizers:
                del metadata["finalizers"]
            owner = self.store.replace({**owner, "metadata": metadata})
            self.finish_deletion(owner)


Sync = Callable[[Address], None]
