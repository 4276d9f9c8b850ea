"""What is known of every live object: whether it is what git wants.

Owns: one small mark per object, kept true by watches or by one listing. Refuses: keeping objects; of 20,000 of them
that would be most of the memory.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from generator.cluster.drift import Drift, content_of, find_drift, is_ours
from generator.cluster.kinds import DEPLOYMENT, Kind, ObjectRef, ref_of
from generator.cluster.ownership import is_applied
from generator.cluster.port import Body
from generator.render.pods import ENDPOINT, STOP, pod_revision_path, value_at
from generator.service.desired import DesiredObject, file_of

Wanted = Callable[[str, ObjectRef], DesiredObject | None]
"""The manifest that git has of an endpoint for this object, or None."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One live object. `blob`: id of the manifest that it is in sync with; empty where it is with none."""

    version: str
    uid: str
    endpoint: str
    ours: bool
    owned: bool
    """Whether it has an owner, such as an InferenceService: then it is none of git's."""
    key: int
    """Changes with everything of the object that is not its status."""
    blob: str
    drift: tuple[Drift, ...] = ()
    pod_revision: str = ""
    replicas: int = 0


class SyncIndex:
    """Marks of all objects of the rendered kinds in one namespace. Shared by threads."""

    def __init__(self, wanted: Wanted, notify: Callable[[str], None] = lambda _: None) -> None:
        """`notify` is told the endpoint of an object that is not, or no longer, what git wants."""
        self._wanted = wanted
        self._notify = notify
        self._lock = threading.RLock()
        self._marks: dict[ObjectRef, Mark] = {}
        self._by_endpoint: dict[str, set[ObjectRef]] = defaultdict(set)
        self.lost_deployments = 0
        """How many have gone since the beginning; each may have left pods behind."""

    def observe(self, kind: Kind, body: Body, present: bool = True) -> None:
        """Take in what a watch or a listing shows."""
        ref = ref_of({"apiVersion": kind.api_version, "kind": kind.name, "metadata": body["metadata"]})
        old = self.find(ref)
        if not present:
            if old is None or old.uid == str(body["metadata"].get("uid")):
                self._forget(ref)
            return
        version, key = str(body["metadata"].get("resourceVersion")), _key(body)
        if old is not None and (old.version == version or _is_older(version, old.version)):
            return
        if old is not None and old.key == key and old.uid == str(body["metadata"].get("uid")):
            self._store(ref, _with_status(old, version, body))
            return
        endpoint = endpoint_of(body)
        wanted = self._wanted(endpoint, ref) if endpoint else None
        mark = _make_mark(body, key, wanted)
        self._store(ref, mark)
        if endpoint and (not mark.blob or (mark.drift and (old is None or old.drift != mark.drift))):
            self._notify(endpoint)

    def note(self, wanted: DesiredObject, live: Body, *, applied: bool) -> None:
        """Take in an object as it is after a pass; `applied`: this is what the manifest comes to on the server.

        A webhook may have filled something in that differs from the manifest to the eye, but not to an apply.
        """
        ref = ref_of(wanted.body)
        mark = _make_mark(live, _key(live), wanted, applied=applied)
        with self._lock:
            newer = self._marks.get(ref)
            if newer is not None and newer.uid == mark.uid and _is_older(mark.version, newer.version):
                # While the pass went on, a watch has told of what happened since.
                mark = replace(mark, version=newer.version, replicas=newer.replicas) if newer.key == mark.key else newer
            self._store(ref, mark)

    def find(self, ref: ObjectRef) -> Mark | None:
        """The mark of an object, or None where there is no such object."""
        with self._lock:
            return self._marks.get(ref)

    def find_settled(self, endpoint: str, blobs: Mapping[str, str]) -> tuple[ObjectRef, ...] | None:
        """The endpoint's objects, where they are just these manifests and nothing is to be told; else None."""
        with self._lock:
            refs = self.owned_refs(endpoint)
            marks = {file_of(ref.kind): self._marks[ref] for ref in refs}
        if len(refs) != len(blobs) or any(mark.drift for mark in marks.values()):
            return None
        settled = all(file in marks and marks[file].blob == blob for file, blob in blobs.items())
        return refs if settled else None

    def owned_refs(self, endpoint: str) -> tuple[ObjectRef, ...]:
        """Objects of an endpoint that revstamp applied and nobody else owns."""
        with self._lock:
            refs = [ref for ref in self._by_endpoint.get(endpoint, ()) if self._is_free(ref)]
        return tuple(sorted(refs, key=str))

    def endpoints(self, beyond: Collection[str] = ()) -> tuple[str, ...]:
        """Every endpoint that has objects which revstamp applied, but for those that are known already."""
        with self._lock:
            others = [(name, refs) for name, refs in self._by_endpoint.items() if name not in beyond]
            return tuple(name for name, refs in others if any(map(self._is_free, refs)))

    def _is_free(self, ref: ObjectRef) -> bool:
        mark = self._marks[ref]
        return mark.ours and not mark.owned

    def forget(self, ref: ObjectRef) -> None:
        """Take in that an object was deleted."""
        self._forget(ref, tell=False)

    def drop_others(self, kind: Kind, uids: set[str]) -> None:
        """After a listing: forget objects of this kind that were not in it."""
        with self._lock:
            gone = [ref for ref, mark in self._marks.items() if ref.kind == kind and mark.uid not in uids]
        for ref in gone:
            self._forget(ref)

    def _store(self, ref: ObjectRef, mark: Mark) -> None:
        with self._lock:
            old = self._marks.get(ref)
            if old is not None and old.endpoint != mark.endpoint:
                self._by_endpoint[old.endpoint].discard(ref)
            self._marks[ref] = mark
            if mark.endpoint:
                self._by_endpoint[mark.endpoint].add(ref)

    def _forget(self, ref: ObjectRef, *, tell: bool = True) -> None:
        with self._lock:
            old = self._marks.pop(ref, None)
            if old is None:
                return
            self.lost_deployments += ref.kind == DEPLOYMENT
            refs = self._by_endpoint.get(old.endpoint)
            if refs is not None:
                refs.discard(ref)
                if not refs:
                    del self._by_endpoint[old.endpoint]
        if tell and old.endpoint:
            self._notify(old.endpoint)


def _make_mark(body: Body, key: int, wanted: DesiredObject | None, *, applied: bool = False) -> Mark:
    """`applied`: the body is what the manifest has just come to."""
    metadata = body["metadata"]
    return Mark(
        str(metadata.get("resourceVersion")),
        str(metadata.get("uid")),
        endpoint_of(body),
        is_ours(body),
        bool(metadata.get("ownerReferences")),
        key,
        wanted.blob if wanted is not None and (applied or is_applied(wanted.body, body)) else "",
        find_drift(wanted.body, body) if wanted is not None else (),
        _pod_revision(body),
        _replicas(body),
    )


def _with_status(old: Mark, version: str, body: Body) -> Mark:
    """Only its status has changed."""
    return replace(old, version=version, replicas=_replicas(body))


def endpoint_of(body: Body) -> str:
    """The endpoint that an object says it belongs to; empty where it says none."""
    labels = body["metadata"].get("labels")
    return str(labels.get(ENDPOINT, "")) if isinstance(labels, Mapping) else ""


def _pod_revision(body: Body) -> str:
    path = pod_revision_path(str(body.get("kind")))
    found = value_at(body, *path) if path else None
    return "" if found is None else str(found)


def _replicas(body: Body) -> int:
    """Pods that a workload has now; an InferenceService does not say, so 1 stands for some."""
    status = body.get("status") or {}
    if body.get("kind") == "InferenceService":
        return 0 if (body["metadata"].get("annotations") or {}).get(STOP) == "true" else 1
    found = status.get("replicas", 0)
    return found if isinstance(found, int) else 0


def _key(body: Body) -> int:
    """A hash of everything but the status and what the server counts.

    Where the server counts generations, each change of the spec is a new one, and the spec need not be looked at.
    """
    metadata, content = body["metadata"], content_of(body)
    if generation := metadata.get("generation"):
        content = {name: content[name] for name in ("labels", "annotations")} | {"generation": generation}
    return hash(json.dumps([content, metadata.get("deletionTimestamp")], sort_keys=True))


def _is_older(version: str, known: str) -> bool:
    """Whether a watch tells of an object older than an apply has returned; numbers on every server since 1.35."""
    return version.isdigit() and known.isdigit() and int(version) < int(known)
