"""Events, as controllers, the scheduler and the kubelet write them.

Owns: the Event objects, and counting what happens again. Refuses: deciding what is worth one.
"""

from __future__ import annotations

from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address
from generator.cluster.simulated.clock import Clock, format_micro_time, format_time
from generator.cluster.simulated.store import Store

_EVENT = ("", "Event")
_MOST_KEPT = 20
"""Events kept of one object: the oldest go first. A real server keeps all for an hour."""


class EventLog:
    """Writes events into the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, dict[tuple[str, str, str], Address]] = {}
        self._count = 0

    def write(self, about: Body, sort: str, reason: str, message: str, component: str) -> None:
        """`sort` is Normal or Warning. The same words about the same object are counted on."""
        uid = str(about["metadata"]["uid"])
        known = self._known.setdefault(uid, {})
        key = (sort, reason, message)
        if key in known and (event := self._store.find(known[key])) is not None:
            count = int(event.get("count") or 1) + 1
            self._store.replace({**event, "count": count, "lastTimestamp": format_time(self._clock.now())})
            return
        body = self._make(about, sort, reason, message, component)
        known[key] = (_EVENT, body["metadata"]["namespace"], body["metadata"]["name"])
        self._store.insert(body)
        if len(known) > _MOST_KEPT:
            self._store.remove(known.pop(next(iter(known))))

    def forget(self, uid: str) -> None:
        """The object is gone: its events stay for a real server's hour, here they go with it."""
        for address in self._known.pop(uid, {}).values():
            self._store.remove(address)

    def _make(self, about: Body, sort: str, reason: str, message: str, component: str) -> dict[str, Any]:
        self._count += 1
        metadata, now = about["metadata"], self._clock.now()
        namespace = str(metadata.get("namespace") or "default")
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{self._count:016x}", "namespace": namespace},
            "involvedObject": {
                "kind": about["kind"],
                "namespace": namespace,
                "name": metadata["name"],
                "uid": metadata["uid"],
                "apiVersion": about["apiVersion"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "type": sort,
            "reason": reason,
            "message": message,
            "reportingComponent": component,
        }
        if component == "default-scheduler":  # it writes the newer form: eventTime, no count
            return {
                **body,
                "source": {},
                "firstTimestamp": None,
                "lastTimestamp": None,
                "eventTime": format_micro_time(now),
                "action": "Binding" if reason == "Scheduled" else "Scheduling",
                "reportingInstance": f"{component}-simulated",
            }
        stamp = format_time(now)
        source = {"component": component}
        return {
            **body,
            "source": source,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "eventTime": None,
        }
