"""What the cluster shows of an environment, kept up to date by watches.

Owns: one watch per kind, the little that is kept of each object, whose object it is. Refuses: judging rollouts
(`rollout`) and writing.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from generator.cluster.kinds import DEPLOYMENT, EVENT, INFERENCE_SERVICE, POD, RENDERED, REPLICA_SET, Kind
from generator.cluster.port import Body, Cluster, Happening
from generator.errors import InternalError, KindMissing, RevstampError
from generator.render.pods import ENDPOINT, REVISION, value_at
from generator.rollout.status import LiveObjects
from generator.rollout.trim import trim_deployment, trim_event, trim_inference_service, trim_pod, trim_replica_set

ROLLOUT_KINDS = (DEPLOYMENT, INFERENCE_SERVICE, REPLICA_SET, POD, EVENT)
"""What a rollout is judged by."""

_TRIM: Mapping[str, Callable[[Body], Body]] = {
    DEPLOYMENT.name: trim_deployment,
    INFERENCE_SERVICE.name: trim_inference_service,
    REPLICA_SET.name: trim_replica_set,
    POD.name: trim_pod,
    EVENT.name: trim_event,
}
_MISSING_SECONDS = 60.0
"""Between two looks whether a kind has been installed meanwhile."""
_MOST_EVENTS = 20
"""Events kept of one object: the newest."""


class Listener(Protocol):
    """Is told of every object of the rendered kinds, whole, before the little that is kept of it is kept."""

    def observe(self, kind: Kind, body: Body, present: bool = True) -> None:
        """An object is there, new or changed; or it is gone."""
        ...

    def drop_others(self, kind: Kind, uids: set[str]) -> None:
        """A listing is complete: there are no other objects of this kind."""
        ...


class LiveView:
    """The objects of one namespace that carry the label of an endpoint, or of one endpoint only."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        *,
        endpoint: str = "",
        notify: Callable[[str], None] = lambda _: None,
        listener: Listener | None = None,
    ) -> None:
        """`notify` is told the name of an endpoint that something happened to, from a watch's thread.

        With a listener the rendered kinds are watched too, and without a label: what others made is to be seen.
        """
        self.cluster = cluster
        self.namespace = namespace
        self._labels = f"{ENDPOINT}={endpoint}" if endpoint else ENDPOINT
        self._kinds = tuple(dict.fromkeys((*ROLLOUT_KINDS, *RENDERED))) if listener else ROLLOUT_KINDS
        self._notify = notify
        self._listener = listener
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, dict[str, bytes]]] = defaultdict(lambda: defaultdict(dict))
        """By endpoint, kind and uid, as text: of thousands, few are looked at, and it takes a quarter of the memory."""
        self._owner: dict[str, str] = {}
        self._events: dict[str, dict[str, Body]] = {}
        self._listed: dict[str, str | None] = {kind.name: "not listed yet" for kind in self._kinds}
        self._changed = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failure: RevstampError | None = None

    def start(self) -> None:
        """Begin to watch."""
        for kind in self._kinds:
            thread = threading.Thread(target=self._follow, args=(kind,), name=f"watch-{kind.plural}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """End all watches."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(5)

    def wait_until_listed(self, seconds: float | None = None) -> bool:
        """Wait until everything was listed once. Raises what a watch failed with."""
        with self._changed:
            self._changed.wait_for(lambda: self._stop.is_set() or self.failure or self._is_listed(), seconds)
            if self.failure is not None:
                raise self.failure
            return self._is_listed()

    def endpoints(self) -> tuple[str, ...]:
        """Names of all endpoints that have a workload or pods."""
        with self._lock:
            return tuple(self._objects)

    def count_complete(self, endpoint: str, pod_revision: str) -> int | None:
        """The pods of an endpoint, where all its Deployments, one at least, have what they ask for; else None.

        That is: as many as they ask for, all available, all of this pod revision. A cheap look for many: what is not
        complete is assessed.
        """
        with self._lock:
            known = self._objects.get(endpoint) or {}
            texts = tuple(known.get(DEPLOYMENT.name, {}).values())
        deployments = [_unpack(text) for text in texts]
        if not deployments or not all(_has_all(item, pod_revision) for item in deployments):
            return None
        return sum(_wanted(item) for item in deployments)

    def objects_of(self, endpoint: str, workload: tuple[str, str]) -> LiveObjects:
        """What is there of an endpoint whose workload is of this kind and name."""
        with self._lock:
            known = self._objects.get(endpoint) or {}
            texts = {kind: tuple(known.get(kind, {}).values()) for kind in _TRIM}
            uids = [uid for bodies in known.values() for uid in bodies]
            events = tuple(event for uid in uids for event in self._events.get(uid, {}).values())
        parts = {kind: tuple(map(_unpack, found)) for kind, found in texts.items()}
        kind, name = workload
        deployments = {body["metadata"]["name"]: body for body in parts[DEPLOYMENT.name]}
        services = {body["metadata"]["name"]: body for body in parts[INFERENCE_SERVICE.name]}
        child = name if kind == DEPLOYMENT.name else f"{name}-predictor"
        own = deployments.get(name) if kind == DEPLOYMENT.name else services.get(name)
        return LiveObjects(own, deployments.get(child), parts[REPLICA_SET.name], parts[POD.name], events)

    def _is_listed(self) -> bool:
        return not any(self._listed.values())

    def _follow(self, kind: Kind) -> None:
        """Watch one kind for ever; where the cluster does not have it yet, look again now and then."""
        while not self._stop.is_set():
            try:
                self._watch(kind)
                return
            except KindMissing:
                self._set_listed(kind, None)
                self._stop.wait(_MISSING_SECONDS)
            except RevstampError as error:
                self._fail(error)
                return
            except Exception as error:  # a watch that ends in silence would leave everybody with what is old
                self._fail(InternalError.from_bug(error, f"the watch of {kind.plural} ended with "))
                return

    def _watch(self, kind: Kind) -> None:
        labels = "" if kind == EVENT or (self._listener and kind in RENDERED) else self._labels
        fresh: set[str] = set()
        for event in self.cluster.watch(kind, self.namespace, self._stop, labels):
            if event.happening is Happening.PUT:
                fresh.add(self._put(kind, event.body))
            elif event.happening is Happening.GONE:
                self._remove(kind, event.body)
            elif event.happening is Happening.LISTED:
                self._drop_others(kind, fresh)
                self._set_listed(kind, None)
            else:
                fresh = set()
                self._set_listed(kind, event.reason or "connection lost")
            if self._listed[kind.name] is None:
                fresh = set()

    def _fail(self, error: RevstampError) -> None:
        with self._changed:
            self.failure = self.failure or error
            self._changed.notify_all()

    def _set_listed(self, kind: Kind, reason: str | None) -> None:
        with self._changed:
            self._listed[kind.name] = reason
            self._changed.notify_all()

    def _put(self, kind: Kind, body: Body) -> str:
        uid = str(body["metadata"].get("uid"))
        if kind == EVENT:
            self._put_event(body)
            return uid
        if self._listener is not None and kind in RENDERED:
            self._listener.observe(kind, body)
        endpoint = str((body["metadata"].get("labels") or {}).get(ENDPOINT, ""))
        if not endpoint or kind.name not in _TRIM:
            return uid
        with self._lock:
            self._objects[endpoint][kind.name][uid] = _pack(_TRIM[kind.name](body))
            self._owner[uid] = endpoint
        self._notify(endpoint)
        return uid

    def _put_event(self, body: Body) -> None:
        """Keep the newest warnings of an object. They may come before the object does."""
        if body.get("type") == "Normal":
            return
        about = str((body.get("involvedObject") or {}).get("uid", ""))
        with self._lock:
            kept = self._events.setdefault(about, {})
            kept[str(body["metadata"].get("uid"))] = _TRIM[EVENT.name](body)
            while len(kept) > _MOST_EVENTS:
                kept.pop(next(iter(kept)))
            endpoint = self._owner.get(about)
        if endpoint is not None:
            self._notify(endpoint)

    def _remove(self, kind: Kind, body: Body) -> None:
        uid = str(body["metadata"].get("uid"))
        if kind == EVENT:
            about = str((body.get("involvedObject") or {}).get("uid", ""))
            with self._lock:
                kept = self._events.get(about, {})
                kept.pop(uid, None)
                if not kept:
                    self._events.pop(about, None)
            return
        if self._listener is not None and kind in RENDERED:
            self._listener.observe(kind, body, present=False)
        self._forget(kind, uid)

    def _forget(self, kind: Kind, uid: str) -> None:
        with self._lock:
            endpoint = self._owner.pop(uid, None)
            if endpoint is None:
                return
            self._objects[endpoint][kind.name].pop(uid, None)
            self._events.pop(uid, None)
            if not any(self._objects[endpoint].values()):
                self._objects.pop(endpoint)
        self._notify(endpoint)

    def _drop_others(self, kind: Kind, fresh: set[str]) -> None:
        """After a listing: what was not in it has gone while nobody looked."""
        if kind == EVENT:
            self._drop_events(fresh)
            return
        if self._listener is not None and kind in RENDERED:
            self._listener.drop_others(kind, fresh)
        with self._lock:
            stale: list[Any] = [
                uid for kinds in self._objects.values() for uid in kinds.get(kind.name, {}) if uid not in fresh
            ]
        for uid in stale:
            self._forget(kind, uid)

    def _drop_events(self, fresh: set[str]) -> None:
        """Events end by themselves after a while, those about objects that are gone too."""
        with self._lock:
            for about, kept in list(self._events.items()):
                left = {uid: body for uid, body in kept.items() if uid in fresh}
                if left:
                    self._events[about] = left
                else:
                    self._events.pop(about)


def _pack(body: Body) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def _unpack(text: bytes) -> Body:
    found: Body = json.loads(text)
    return found


def _has_all(deployment: Body, pod_revision: str) -> bool:
    status = deployment.get("status") or {}
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    seen = status.get("observedGeneration") == deployment["metadata"].get("generation")
    annotations = value_at(deployment, "spec", "template", "metadata", "annotations") or {}
    return bool(seen and counts == {_wanted(deployment)} and annotations.get(REVISION) == pod_revision)


def _wanted(deployment: Body) -> int:
    return int((deployment.get("spec") or {}).get("replicas", 1))
