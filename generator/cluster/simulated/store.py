"""The objects of a simulated cluster, by kind, namespace and name.

Owns: resource versions, generations, indexes by owner, and telling watches and controllers. Refuses: rules about what
may be written. Bodies are never changed once they are stored; a change is another body.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address, KindKey, address_of, annotations_of
from generator.cluster.simulated.clock import Clock, format_time
from generator.cluster.simulated.watching import Subscription

Observer = Callable[[Address, Body | None, Body | None], None]

_GENERATION = frozenset(
    {
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("", "Pod"),
        ("policy", "PodDisruptionBudget"),
        ("networking.k8s.io", "Ingress"),
        ("serving.kserve.io", "InferenceService"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
    }
)
"""Kinds whose generation moves with their spec; that of a Deployment also with its annotations."""


class Store:
    """All calls are made under the cluster's lock."""

    def __init__(self, clock: Clock, observe: Observer) -> None:
        self._clock = clock
        self._observe = observe
        self._objects: dict[KindKey, dict[str, dict[str, Body]]] = defaultdict(lambda: defaultdict(dict))
        self._children: dict[str, dict[Address, None]] = defaultdict(dict)
        self._ownerless: dict[tuple[KindKey, str], dict[Address, None]] = defaultdict(dict)
        self._addresses: dict[str, Address] = {}
        self._subscriptions: dict[KindKey, dict[Subscription, None]] = defaultdict(dict)
        self._version = 0

    def find(self, address: Address) -> Body | None:
        """An object, or None."""
        kind, namespace, name = address
        return self._objects[kind][namespace].get(name)

    def find_uid(self, uid: str) -> Body | None:
        """The object of this uid, or None."""
        address = self._addresses.get(uid)
        return None if address is None else self.find(address)

    def iterate(self, kind: KindKey, namespace: str = "") -> Iterator[Body]:
        """All objects of a kind, by namespace and name."""
        spaces = self._objects[kind]
        for space in [namespace] if namespace else sorted(spaces):
            found = spaces.get(space) or {}
            for name in sorted(found):
                yield found[name]

    def children(self, uid: str, kind: KindKey) -> list[Body]:
        """Objects of a kind that name this owner."""
        found = (self.find(address) for address in self._children.get(uid, ()) if address[0] == kind)
        return [body for body in found if body is not None]

    def children_of_any_kind(self, uid: str) -> list[Address]:
        """All that name this owner."""
        return list(self._children.get(uid, ()))

    def ownerless(self, kind: KindKey, namespace: str) -> list[Body]:
        """Objects of a kind in a namespace that no controller owns."""
        found = (self.find(address) for address in self._ownerless.get((kind, namespace), ()))
        return [body for body in found if body is not None]

    def insert(self, body: Body) -> Body:
        """Store a new object: uid, creation time, resource version, generation."""
        now = format_time(self._clock.now())
        metadata = {**body["metadata"], "uid": str(uuid.uuid4()), "creationTimestamp": now}
        if address_of(body)[0] in _GENERATION:
            metadata["generation"] = 1
        stored = self._stamp({**body, "metadata": metadata})
        self._keep(None, stored)
        return stored

    def preview(self, body: Body) -> Body:
        """What would be stored, with nothing stored and nobody told."""
        old = self.find(address_of(body))
        if old is None:
            metadata = {
                **body["metadata"],
                "uid": str(uuid.uuid4()),
                "creationTimestamp": format_time(self._clock.now()),
            }
            if address_of(body)[0] in _GENERATION:
                metadata["generation"] = 1
            return {**body, "metadata": metadata}
        return self._carry_over(old, body, in_status=False)

    def replace(self, body: Body, *, in_status: bool = False) -> Body:
        """Store a changed object. The same body is no change: nothing moves, nobody is told."""
        address = address_of(body)
        old = self.find(address)
        if old is None:
            raise KeyError(address)
        changed = self._carry_over(old, body, in_status)
        if changed == old:
            return old
        stored = self._stamp(changed)
        self._keep(old, stored)
        return stored

    def _carry_over(self, old: Body, body: Body, in_status: bool) -> dict[str, Any]:
        """The changed body with what only the server decides."""
        metadata: dict[str, Any] = dict(body["metadata"])
        for name in ("uid", "creationTimestamp", "resourceVersion", "generation"):
            if name in old["metadata"]:
                metadata[name] = old["metadata"][name]
        changed = {**body, "metadata": metadata}
        kind = address_of(body)[0]
        if kind in _GENERATION and not in_status and _moves_generation(kind, old, changed):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        return changed

    def remove(self, address: Address) -> Body | None:
        """Take an object away; None where there is none."""
        old = self.find(address)
        if old is None:
            return None
        kind, namespace, name = address
        gone = self._stamp(old)
        del self._objects[kind][namespace][name]
        self._unindex(address, old)
        self._addresses.pop(str(old["metadata"]["uid"]), None)
        self._tell(address, old, None, gone)
        return gone

    def nudge(self, address: Address) -> None:
        """Have controllers look at an object again, though nothing changed."""
        body = self.find(address)
        if body is not None:
            self._observe(address, body, body)

    def subscribe(self, kind: KindKey, subscription: Subscription) -> None:
        """Begin with a listing, then tell of all that happens."""
        subscription.tell_all(self.iterate(kind, subscription.namespace))
        self._subscriptions[kind][subscription] = None

    def unsubscribe(self, kind: KindKey, subscription: Subscription) -> None:
        """Tell nothing more."""
        self._subscriptions[kind].pop(subscription, None)

    def lose_watches(self, reason: str) -> None:
        """Break all watches; each begins anew with a listing."""
        for kind, subscriptions in self._subscriptions.items():
            for subscription in subscriptions:
                subscription.lose(reason)
                subscription.tell_all(self.iterate(kind, subscription.namespace))

    def end_watches(self) -> None:
        """For good."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.end()

    def _stamp(self, body: Body) -> dict[str, Any]:
        self._version += 1
        return {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}

    def _keep(self, old: Body | None, new: Body) -> None:
        address = address_of(new)
        kind, namespace, name = address
        self._objects[kind][namespace][name] = new
        if old is None or old["metadata"].get("ownerReferences") != new["metadata"].get("ownerReferences"):
            if old is not None:
                self._unindex(address, old)
            self._index(address, new)
        self._addresses[str(new["metadata"]["uid"])] = address
        self._tell(address, old, new, new)

    def _index(self, address: Address, body: Body) -> None:
        references = body["metadata"].get("ownerReferences") or ()
        for reference in references:
            self._children[str(reference.get("uid"))][address] = None
        if not any(reference.get("controller") for reference in references):
            self._ownerless[address[0], address[1]][address] = None

    def _unindex(self, address: Address, body: Body) -> None:
        for reference in body["metadata"].get("ownerReferences") or ():
            uid = str(reference.get("uid"))
            self._children[uid].pop(address, None)
            if not self._children[uid]:
                del self._children[uid]
        self._ownerless[address[0], address[1]].pop(address, None)

    def _tell(self, address: Address, old: Body | None, new: Body | None, last: Body) -> None:
        for subscription in self._subscriptions.get(address[0], ()):
            subscription.tell(old if new is not None else last, new)
        self._observe(address, old, new)


def _moves_generation(kind: KindKey, old: Body, new: Body) -> bool:
    if old.get("spec") != new.get("spec"):
        return True
    return kind == ("apps", "Deployment") and annotations_of(old) != annotations_of(new)
