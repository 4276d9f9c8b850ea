"""What the contract suite is run over: a cluster behind the port, and a namespace in it.

Owns: waiting for what a cluster shows. Refuses: knowing which cluster it is; where a test has to, it is no contract.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from generator.cluster.kinds import DEPLOYMENT, EVENT, POD, REPLICA_SET, Kind, ObjectRef
from generator.cluster.port import Body, Cluster, Happening, WatchEvent
from tests.testbed.workloads import is_rolled_out


@dataclass(frozen=True)
class Subject:
    """A cluster and a namespace of the test's own."""

    port: Cluster
    namespace: str

    def ref(self, kind: Kind, name: str = "chat") -> ObjectRef:
        """An object of the namespace."""
        return ObjectRef(kind, self.namespace, name)

    def read(self, kind: Kind, name: str = "chat") -> Body:
        """An object that is there."""
        found = self.port.read(self.ref(kind, name))
        assert found is not None, f"{kind.name} {name} is not there"
        return found

    def wait(self, kind: Kind, good: Callable[[Body], Any], name: str = "chat", seconds: float = 30.0) -> Body:
        """Read an object until it is good."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.port.read(self.ref(kind, name))
            if found is not None and good(found):
                return found
            assert time.monotonic() < deadline, f"{kind.name} {name} is not as expected: {(found or {}).get('status')}"
            time.sleep(0.02)

    def wait_gone(self, kind: Kind, name: str = "chat", seconds: float = 30.0) -> None:
        """Read an object until there is none."""
        deadline = time.monotonic() + seconds
        while self.port.read(self.ref(kind, name)) is not None:
            assert time.monotonic() < deadline, f"{kind.name} {name} is still there"
            time.sleep(0.02)

    def until(self, good: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Ask until the answer is good, and return it."""
        deadline = time.monotonic() + seconds
        while True:
            if found := good():
                return found
            assert time.monotonic() < deadline, "it did not become true"
            time.sleep(0.02)

    def roll_out(self, body: Body) -> Body:
        """Apply a Deployment and wait until only its pods are there."""
        self.port.apply(body)
        return self.wait(DEPLOYMENT, is_rolled_out, body["metadata"]["name"])

    def pods(self, name: str = "chat") -> list[Body]:
        """The pods of a Deployment, those that end too."""
        return list(self.port.list(POD, self.namespace, f"app={name}"))

    def wait_pod(self, good: Callable[[Body], Any], name: str = "chat", seconds: float = 30.0) -> Body:
        """Read the pods of a Deployment until one is good."""
        found: Body = self.until(lambda: next((pod for pod in self.pods(name) if good(pod)), None), seconds)
        return found

    def replica_sets(self) -> dict[str, Body]:
        """Those of the namespace, by the revision annotation of their template."""
        return {
            one["spec"]["template"]["metadata"]["annotations"]["revstamp.io/revision"]: one
            for one in self.port.list(REPLICA_SET, self.namespace)
        }

    def events(self, uid: str) -> list[tuple[str, str]]:
        """Type and reason of all events about an object."""
        return [
            (one["type"], one["reason"])
            for one in self.port.list(EVENT, self.namespace)
            if one["involvedObject"].get("uid") == uid
        ]


class Watcher:
    """A watch that a thread follows, until the block ends."""

    def __init__(self, port: Cluster, kind: Kind, namespace: str, labels: str = "") -> None:
        self.events: list[WatchEvent] = []
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._source = port.watch(kind, namespace, self._stop, labels)
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        self.wait(lambda events: any(event.happening is Happening.LISTED for event in events))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the watch did not end"

    def wait(self, good: Callable[[list[WatchEvent]], Any], seconds: float = 30.0) -> list[WatchEvent]:
        """Until what was seen so far is good."""
        with self._changed:
            assert self._changed.wait_for(lambda: good(self.events), seconds), f"only seen: {self.told()}"
            return list(self.events)

    def told(self) -> list[tuple[str, str]]:
        """What happened to which name."""
        return [(str(one.happening), one.body.get("metadata", {}).get("name", "")) for one in self.events]

    def bodies(self) -> Iterator[Body]:
        """The states that were put."""
        return (one.body for one in list(self.events) if one.happening is Happening.PUT)

    def moments(self) -> Iterator[list[Body]]:
        """What was there at each moment from the first listing on."""
        live: dict[str, Body] = {}
        listed = False
        for event in list(self.events):
            if event.happening is Happening.PUT:
                live[event.body["metadata"]["uid"]] = event.body
            elif event.happening is Happening.GONE:
                live.pop(event.body["metadata"]["uid"], None)
            listed = listed or event.happening is Happening.LISTED
            if listed:
                yield list(live.values())

    def _follow(self) -> None:
        for event in self._source:
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
