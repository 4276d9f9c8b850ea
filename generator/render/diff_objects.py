"""What happens to each object between two renderings of one endpoint.

Owns: matching objects, and telling a change from a restart and from a new number only. Refuses: what it means for the
endpoint (`diff`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generator.render.diff_effect import compare_objects
from generator.render.diff_fields import Effect, FieldChange
from generator.render.manifest import ManifestSet
from generator.render.pods import identity, own_revision_path, pod_part, pod_revision_path, same_value, value_at

Objects = ManifestSet | Mapping[str, Any]
Bodies = Mapping[str, Mapping[str, Any]]


class ObjectChange(StrEnum):
    """What happens to one object. `restamped`: only its own revision moves, and no pod with it."""

    CREATED = "created"
    DELETED = "deleted"
    REPLACED = "replaced"
    CHANGED = "changed"
    RESTARTED = "restarted"
    RESTAMPED = "restamped"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object: what happens to it, which fields change, and whether its pods are replaced."""

    kind: str
    name: str
    change: ObjectChange
    fields: tuple[FieldChange, ...] = ()
    restarts: bool = False


def object_bodies(objects: Objects) -> dict[str, Mapping[str, Any]]:
    """File name → body; what is no object is passed over."""
    if isinstance(objects, ManifestSet):
        return {item.file_name: item.body for item in objects}
    return {name: body for name, body in objects.items() if isinstance(body, Mapping)}


def compare_renderings(old: Bodies, new: Bodies) -> Iterator[ObjectDiff]:
    """Every object of either side. Another name or namespace in the same file is one object less and one more."""
    for file in [*new, *(file for file in old if file not in new)]:
        before, after = old.get(file), new.get(file)
        if before is not None and after is not None and identity(before) == identity(after):
            yield _compare_object(before, after)
            continue
        if before is not None:
            yield ObjectDiff(identity(before)[0], identity(before)[2], ObjectChange.DELETED)
        if after is not None:
            yield ObjectDiff(identity(after)[0], identity(after)[2], ObjectChange.CREATED)


def _compare_object(before: Mapping[str, Any], after: Mapping[str, Any]) -> ObjectDiff:
    kind, _, name = identity(after)
    fields = compare_objects(before, after)
    restarts = _restarts(before, after)
    if any(field.effect is Effect.REPLACES for field in fields):
        change = ObjectChange.REPLACED
    elif fields:
        change = ObjectChange.CHANGED
    elif restarts:
        change = ObjectChange.RESTARTED
    else:
        change = ObjectChange.RESTAMPED if _moves(before, after, own_revision_path()) else ObjectChange.UNCHANGED
    return ObjectDiff(kind, name, change, fields, restarts)


def _restarts(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    path = pod_revision_path(identity(after)[0])
    return path is not None and (_moves(before, after, path) or not same_value(pod_part(before), pod_part(after)))


def _moves(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether a revision moves. A rendering that is not stamped yet has none, and says nothing by that."""
    revision = value_at(after, *path)
    return revision is not None and revision != value_at(before, *path)
