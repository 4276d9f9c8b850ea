"""What an apply would change of one live object, field by field, and what it would delete.

Owns: asking the API server by a dry run, and comparing its answer with the live object: what others own is the same in
both, so it does not show. Refuses: applying.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from generator.cluster.apply_objects import apply_to_live
from generator.cluster.changes import Action
from generator.cluster.drift import Drift
from generator.cluster.kinds import ObjectRef, ref_of
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.prune import find_keeper
from generator.cluster.replicas import must_hand_over
from generator.errors import ApplyConflict, NotOurs, RevstampError

_SERVERS_OWN = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"})


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
    """One object, and what an apply would do with it.

    `new`, `changed`, `same`; `left`: others changed it, and the policy leaves that as it is; `pruned`, or `kept` though
    git does not have it; `conflict`, `foreign` or `refused`: an apply would fail with `error`. `reason` says why
    where that is not plain.
    """

    ref: ObjectRef
    change: str
    fields: tuple[FieldChange, ...] = ()
    drift: tuple[Drift, ...] = ()
    error: RevstampError | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.ref.kind.name,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "change": self.change,
            "reason": self.reason,
            "fields": [item.to_dict() for item in self.fields],
            "drift": [item.to_dict() for item in self.drift],
            **({"error": self.error.to_dict()} if self.error else {}),
        }


def diff_live(cluster: Cluster, manifest: Body, policy: ApplyPolicy) -> ObjectDiff:
    """What applying the manifest under this policy would change. What cannot be applied is an answer too."""
    ref = ref_of(manifest)
    try:
        live = cluster.read(ref)
    except RevstampError as error:
        return ObjectDiff(ref, "refused", error=error)
    handed_over = must_hand_over(manifest, live)
    done = apply_to_live(cluster, manifest, live, replace(policy, dry_run=True))
    change = done.change
    if change.action is Action.FAILED:
        return ObjectDiff(ref, _name_failure(change.error), drift=change.drift, error=change.error)
    if change.action is Action.SKIPPED:
        return ObjectDiff(ref, "left", drift=change.drift, reason=change.reason)
    if live is None:
        return ObjectDiff(ref, "new", reason=change.reason)
    fields = tuple(
        item for item in compare_objects(live, done.live or live) if not (handed_over and item.path == "spec.replicas")
    )
    return ObjectDiff(ref, "changed" if fields else "same", fields, change.drift, reason=change.reason)


def _name_failure(error: RevstampError | None) -> str:
    if isinstance(error, ApplyConflict):
        return "conflict"
    return "foreign" if isinstance(error, NotOurs) else "refused"


def diff_doomed(cluster: Cluster, ref: ObjectRef, endpoint: str) -> ObjectDiff:
    """What pruning would do with an object of the endpoint that git no longer has."""
    try:
        live = cluster.read(ref)
    except RevstampError as error:
        return ObjectDiff(ref, "refused", error=error)
    if live is None:
        return ObjectDiff(ref, "same", reason="it is gone already")
    if kept := find_keeper(ref, live, endpoint):
        return ObjectDiff(ref, "kept", reason=kept.removeprefix("kept: "))
    return ObjectDiff(ref, "pruned")


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
