"""Whose fields an object has, by its `managedFields`.

Owns: whether an apply would change anything, who owns a field, and moving others' fields into our entry. Refuses:
deciding whether that is right. Pure.
Source: structured-merge-diff's `fieldsV1`; moving entries is how client-side apply is migrated (Kubernetes
documentation, "Server-Side Apply", upgrading from client-side apply).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.cluster.drift import managed_fields
from generator.cluster.fields import Path, iterate_leaves
from generator.cluster.port import FIELD_MANAGER, Body

Owner = tuple[str, str, str]
"""Manager, operation (`Apply` or `Update`) and subresource, which is empty for the object itself."""

_IDENTITY = ("apiVersion", "kind")
_NAMES = ("name", "namespace")


def is_applied(manifest: Body, live: Body, manager: str = FIELD_MANAGER) -> bool:
    """Whether an apply of the manifest by the manager would change nothing: it owns just these fields, all equal.

    May say no where yes were right (a quantity in another form), which costs one request; never the other way round.
    """
    entries = list(_own_entries(live, manager))
    if len(entries) != 1 or entries[0].get("apiVersion") != manifest.get("apiVersion"):
        return False
    if any(manifest.get(key) != live.get(key) for key in _IDENTITY):
        return False
    fields = entries[0].get("fieldsV1")
    return isinstance(fields, Mapping) and _agrees(_without_identity(manifest), live, fields)


def _own_entries(live: Body, manager: str) -> Iterator[Mapping[str, Any]]:
    for entry in managed_fields(live):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            yield entry


def _without_identity(manifest: Body) -> dict[str, Any]:
    """What can be owned: which object it is belongs to nobody."""
    kept = {key: value for key, value in manifest.items() if key not in _IDENTITY}
    metadata = {key: value for key, value in (manifest.get("metadata") or {}).items() if key not in _NAMES}
    if metadata:
        return {**kept, "metadata": metadata}
    kept.pop("metadata", None)
    return kept


def _agrees(wanted: Any, found: Any, fields: Mapping[str, Any]) -> bool:
    """Whether just what is wanted is owned, and is what is found. Without fields below it counts as a whole."""
    inner = [element for element in fields if element != "."]
    if not inner:
        return _is_same(wanted, found)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        if len(inner) != len(wanted):
            return False
        return all(
            f"f:{key}" in fields and key in found and _agrees(value, found[key], fields[f"f:{key}"])
            for key, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(found, list):
        return len(inner) == len(wanted) and _items_agree(wanted, found, inner, fields)
    return False


def _items_agree(wanted: list[Any], found: list[Any], inner: list[str], fields: Mapping[str, Any]) -> bool:
    """Each wanted item is one of the owned ones, and they stand in the same order: an apply would restore that."""
    places = []
    taken: set[str] = set()
    for item in wanted:
        element = next((each for each in inner if each not in taken and _is_named(each, item)), None)
        if element is None:
            return False
        taken.add(element)
        at = [place for place, other in enumerate(found) if _is_named(element, other)]
        if len(at) != 1 or not _agrees_item(item, found[at[0]], element, fields[element]):
            return False
        places.append(at[0])
    return places == sorted(places)


def _agrees_item(wanted: Any, found: Any, element: str, fields: Mapping[str, Any]) -> bool:
    return element.startswith("v:") or _agrees(wanted, found, fields)


def _is_named(element: str, item: Any) -> bool:
    """Whether the element means this item, by its keys or its value. The protocol of a port may be left out."""
    kind, _, rest = element.partition(":")
    try:
        named = json.loads(rest)
    except ValueError:
        return False
    if kind == "v":
        return _is_same(named, item)
    if kind != "k" or not isinstance(item, Mapping) or not isinstance(named, Mapping):
        return False
    return all(_is_same(value, item.get(key, "TCP" if key == "protocol" else None)) for key, value in named.items())


def _is_same(one: Any, other: Any) -> bool:
    """Equal to the last type: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


def fields_of(entry: Mapping[str, Any]) -> frozenset[Path]:
    """The fields that one entry of `managedFields` names to their ends."""
    fields = entry.get("fieldsV1")
    return frozenset(iterate_leaves(fields)) if isinstance(fields, Mapping) else frozenset()


def owners_of(live: Body, path: Sequence[str]) -> list[Owner]:
    """Who owns the field, something below it, or the whole that it is part of. `path` as in `fields.Path`."""
    found = []
    for entry in managed_fields(live):
        fields = entry.get("fieldsV1")
        if isinstance(fields, Mapping) and _reaches(fields, path):
            owner = (entry.get("manager"), entry.get("operation"), entry.get("subresource"))
            found.append((str(owner[0] or ""), str(owner[1] or ""), str(owner[2] or "")))
    return found


def _reaches(fields: Mapping[str, Any], path: Sequence[str]) -> bool:
    for at, element in enumerate(path):
        if element not in fields:
            # A whole that is owned as one, such as a selector, has no fields below it.
            return at > 0 and not any(each != "." for each in fields)
        fields = fields[element]
    return True


def take_over(live: Body, managers: Sequence[tuple[str, str]], manager: str = FIELD_MANAGER) -> list[dict[str, Any]]:
    """A JSON patch that moves the fields of these (manager, operation) entries into ours; empty if there are none.

    The next apply then removes those that the manifest does not have. It tests the resourceVersion. Entries of
    subresources stay. Fields of an entry in another version of the API are given up instead of moved, since they may
    have other names there: nobody owns them then, and an apply sets those that the manifest has.
    """
    wanted = set(managers)
    entries = list(managed_fields(live))
    moved = [entry for entry in entries if _is_one_of(entry, wanted, manager)]
    if not moved:
        return []
    own = next(_own_entries(live, manager), None)
    version = (own or live).get("apiVersion")
    fields: Mapping[str, Any] = own["fieldsV1"] if own is not None else {}
    for entry in moved:
        if entry.get("apiVersion") == version:
            fields = merge_fields(fields, entry.get("fieldsV1") or {})
    time = next((str(entry["time"]) for entry in (own, *moved) if entry is not None and entry.get("time")), None)
    ours = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **({"time": time} if time else {}),
    }
    kept = [entry for entry in entries if entry is not own and not any(entry is each for each in moved)]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": [ours, *kept]},
    ]


def _is_one_of(entry: Mapping[str, Any], wanted: set[tuple[str, str]], manager: str) -> bool:
    if entry.get("subresource") or (entry.get("manager") == manager and entry.get("operation") == "Apply"):
        return False
    return (str(entry.get("manager")), str(entry.get("operation"))) in wanted


def merge_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of fields together. A whole that only one of them owns as one stays a whole."""
    merged = dict(one)
    for key, below in other.items():
        known = merged.get(key)
        if not isinstance(known, Mapping) or not isinstance(below, Mapping):
            merged[key] = below
        elif known and below:
            merged[key] = merge_fields(known, below)
        else:
            # `{}` is the path itself; with fields below it, that is written as `.`.
            merged[key] = merge_fields(known, below) | ({".": {}} if known or below else {})
    return merged
