"""Whose fields an object has, by its `managedFields`.

Owns: whether an apply would change anything, and moving others' fields into our entry. Refuses: deciding whether that
is right.
Source: structured-merge-diff's `fieldsV1`; moving entries is how client-side apply is migrated (Kubernetes
documentation, "Server-Side Apply", upgrading from client-side apply).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.cluster.drift import managed_fields
from generator.cluster.fields import MISSING, Path, iterate_leaves, value_at_path
from generator.cluster.port import FIELD_MANAGER, Body

_IDENTITY = frozenset({("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace")})


def is_applied(manifest: Body, live: Body, manager: str = FIELD_MANAGER) -> bool:
    """Whether an apply of the manifest by the manager would change nothing: it owns just these fields, all equal.

    May say no where yes were right (a quantity in another form), which costs one request; never the other way round.
    """
    entry = _own_entry(live, manager)
    if entry is None or entry.get("apiVersion") != manifest.get("apiVersion"):
        return False
    fields = entry.get("fieldsV1")
    if not isinstance(fields, Mapping):
        return False
    owned = set(iterate_leaves(fields))
    return all(_holds(path, manifest, live) for path in owned) and _is_covered(manifest, fields, ())


def _own_entry(live: Body, manager: str) -> Mapping[str, Any] | None:
    for entry in managed_fields(live):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry
    return None


def _holds(path: Path, manifest: Body, live: Body) -> bool:
    """Whether the manifest has the field too, with the live value."""
    wanted = value_at_path(manifest, path)
    return wanted is not MISSING and bool(_same(wanted, value_at_path(live, path)))


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is_covered(value: Any, fields: Mapping[str, Any], path: Path) -> bool:
    """Whether every field of the manifest is among the owned ones."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            element = f"f:{key}"
            here = (*path, element)
            if here in _IDENTITY:
                continue
            below = fields.get(element)
            if below is None:
                return False
            if below and not _is_covered(item, below, here):
                return False
        return True
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_item_covered(item, fields, path) for item in value)
    return True


def _is_item_covered(item: Any, fields: Mapping[str, Any], path: Path) -> bool:
    for element, below in fields.items():
        kind, _, rest = element.partition(":")
        if kind == "k" and isinstance(item, Mapping):
            keys = json.loads(rest)
            if all(item.get(key, "TCP" if key == "protocol" else None) == value for key, value in keys.items()):
                return _is_covered(item, below, (*path, element))
        elif kind == "v" and json.loads(rest) == item:
            return True
    return False


def take_over(live: Body, managers: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """A JSON patch that moves the fields of these (manager, operation) entries into ours.

    The next apply then removes those that the manifest does not have. It tests the resourceVersion.
    """
    wanted = set(managers)
    entries = [dict(entry) for entry in managed_fields(live)]
    moved = [entry for entry in entries if _is_one_of(entry, wanted)]
    own = _own_entry(live, FIELD_MANAGER)
    merged: dict[str, Any] = dict(own["fieldsV1"]) if own is not None else {}
    for entry in moved:
        merged = merge_fields(merged, entry.get("fieldsV1") or {})
    ours = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": (own or (moved[0] if moved else live))["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": merged,
        **({"time": time} if (time := next(_times(own, moved), None)) else {}),
    }
    kept = [entry for entry in entries if entry not in moved and entry != own]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": [ours, *kept]},
    ]


def _times(own: Mapping[str, Any] | None, moved: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in (own, *moved):
        if entry is not None and entry.get("time"):
            yield str(entry["time"])


def _is_one_of(entry: Mapping[str, Any], wanted: set[tuple[str, str]]) -> bool:
    if entry.get("subresource") or (entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"):
        return False
    return (str(entry.get("manager")), str(entry.get("operation"))) in wanted


def merge_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of fields together."""
    merged = dict(one)
    for key, below in other.items():
        known = merged.get(key)
        merged[key] = merge_fields(known, below) if isinstance(known, Mapping) and isinstance(below, Mapping) else below
    return merged
