"""What an apply would change of one live object, field by field.

Owns: asking the API server by a dry run, and comparing its answer with the live object: what others own is the same in
both, so it does not show. Refuses: applying.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from generator.cluster.apply_objects import apply_object
from generator.cluster.changes import Action
from generator.cluster.drift import Drift
from generator.cluster.kinds import ObjectRef, ref_of
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.replicas import must_hand_over
from generator.errors import NotOurs, RevstampError

_SERVERS_OWN = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"})
ABSENT: Any = None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: its path, the live value and the one that git wants; None where there is none."""

    path: str
    live: Any
    wanted: Any

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"path": self.path, "live": self.live, "wanted": self.wanted}


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object: `new`, `changed`, `same`, `pruned`, or `refused` with the error that an apply would meet."""

    ref: ObjectRef
    change: str
    fields: tuple[FieldChange, ...] = ()
    drift: tuple[Drift, ...] = ()
    error: RevstampError | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.ref.kind.name,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "change": self.change,
            "fields": [item.to_dict() for item in self.fields],
            "drift": [item.to_dict() for item in self.drift],
            **({"error": self.error.to_dict()} if self.error else {}),
        }


def diff_live(cluster: Cluster, manifest: Body) -> ObjectDiff:
    """What applying the manifest would change. What cannot be applied is an answer too."""
    ref = ref_of(manifest)
    try:
        live = cluster.read(ref)
        handed_over = must_hand_over(manifest, live)
        done = apply_object(cluster, manifest, ApplyPolicy(force=True, dry_run=True), lambda _: live)
    except RevstampError as error:
        return ObjectDiff(ref, "refused", error=error)
    if done.change.action is Action.FAILED:
        same = isinstance(done.change.error, NotOurs)
        return ObjectDiff(ref, "foreign" if same else "refused", drift=done.change.drift, error=done.change.error)
    if live is None:
        return ObjectDiff(ref, "new")
    fields = tuple(
        item for item in compare_objects(live, done.live or live) if not (handed_over and item.path == "spec.replicas")
    )
    return ObjectDiff(ref, "changed" if fields else "same", fields, done.change.drift)


def compare_objects(live: Body, wanted: Body) -> Iterator[FieldChange]:
    """Every field that differs, but for the status and what the server counts."""
    for key in dict.fromkeys((*live, *wanted)):
        if key == "status":
            continue
        one, other = live.get(key), wanted.get(key)
        if key == "metadata":
            one, other = (_without_counts(item) for item in (one, other))
        yield from _compare(key, one, other)


def _without_counts(metadata: Any) -> dict[str, Any]:
    return {key: value for key, value in (metadata or {}).items() if key not in _SERVERS_OWN}


def _compare(path: str, one: Any, other: Any) -> Iterator[FieldChange]:
    if one == other:
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys((*one, *other)):
            name = f".{key}" if "." not in key and "/" not in key else f"[{key}]"
            yield from _compare(f"{path}{name}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and (named := _by_name(one, other)):
        for key, (left, right) in named.items():
            yield from _compare(f"{path}[{key}]", left, right)
    else:
        yield FieldChange(path, one, other)


def _by_name(one: list[Any], other: list[Any]) -> dict[str, tuple[Any, Any]] | None:
    """Items of two lists paired by their names, where all have one and none is there twice."""
    names = []
    for items in (one, other):
        found = [item.get("name") for item in items if isinstance(item, Mapping)]
        if len(found) != len(items) or None in found or len(set(found)) != len(found):
            return None
        names.append({item["name"]: item for item in items})
    return {str(key): (names[0].get(key), names[1].get(key)) for key in dict.fromkeys((*names[0], *names[1]))}
