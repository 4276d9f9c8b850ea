"""The cluster's own record of what was applied, per environment: a ConfigMap in its namespace.

Owns: reading and writing it without losing another writer's word. Refuses: deciding what follows from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.cluster.kinds import CONFIG_MAP, ObjectRef
from generator.cluster.port import Body, Cluster
from generator.errors import StaleObject

_ATTEMPTS = 8
_MOST = 1_000_000
"""Characters of `endpoints`: a ConfigMap holds 1 MiB."""


@dataclass(frozen=True, slots=True)
class AppliedRecord:
    """The commit that the cluster has, but for the endpoints in `apart`, which have another one (empty: none)."""

    commit: str = ""
    apart: Mapping[str, str] = field(default_factory=dict)

    def commit_of(self, endpoint: str) -> str:
        """The commit whose objects of this endpoint were applied last; empty where none ever was."""
        return self.apart.get(endpoint, self.commit)

    def with_endpoints(self, applied: Mapping[str, str]) -> AppliedRecord:
        """The record with other commits for some endpoints."""
        apart = {**self.apart, **applied}
        return AppliedRecord(self.commit, {name: at for name, at in apart.items() if at != self.commit})


def fits(record: AppliedRecord) -> bool:
    """Whether a ConfigMap can hold it."""
    return len(_write_apart(record)) <= _MOST


def _write_apart(record: AppliedRecord) -> str:
    return json.dumps(dict(sorted(record.apart.items())))


def record_ref(environment: str, namespace: str) -> ObjectRef:
    """Where the record of an environment stands."""
    return ObjectRef(CONFIG_MAP, namespace, f"revstamp-applied-{environment}")


def read_record(cluster: Cluster, environment: str, namespace: str) -> AppliedRecord | None:
    """The record, or None where there is none. One that cannot be understood counts as none."""
    body = cluster.read(record_ref(environment, namespace))
    return _parse(body) if body is not None else None


def _parse(body: Body) -> AppliedRecord | None:
    data = body.get("data") or {}
    try:
        apart = json.loads(data.get("endpoints") or "{}")
    except ValueError:
        return None
    commit = data.get("commit")
    if not isinstance(commit, str) or not isinstance(apart, dict):
        return None
    return AppliedRecord(commit, {str(name): str(at) for name, at in apart.items()})


def update_record(
    cluster: Cluster, environment: str, namespace: str, change: Callable[[AppliedRecord | None], AppliedRecord]
) -> AppliedRecord:
    """Write what `change` makes of the record as it stands; StaleObject where others write it all the time."""
    ref = record_ref(environment, namespace)
    for _ in range(_ATTEMPTS):
        body = cluster.read(ref)
        before = _parse(body) if body is not None else None
        after = change(before)
        if after == before:
            return after
        try:
            if body is None:
                cluster.create(_body(ref, after))
            else:
                cluster.replace(_body(ref, after, str(body["metadata"]["resourceVersion"])))
            return after
        except StaleObject:
            continue
    raise StaleObject(f"{ref} is written by somebody else all the time")


def _body(ref: ObjectRef, record: AppliedRecord, version: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": ref.name,
        "namespace": ref.namespace,
        "labels": {"app.kubernetes.io/managed-by": "revstamp"},
    }
    if version:
        metadata["resourceVersion"] = version
    data = {"commit": record.commit, "endpoints": _write_apart(record)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
