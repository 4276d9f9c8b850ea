"""Whose fields an object has, by its `managedFields`.

Owns: whether an apply would change anything, and moving others' fields into our entry. Refuses: deciding whether that
is right. Pure.
Source: structured-merge-diff's `fieldsV1`; moving entries is how client-side apply is migrated (Kubernetes
documentation, "Server-Side Apply", upgrading from client-side apply).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.cluster.defaults import Names, find_defaults
from generator.cluster.drift import managed_fields
from generator.cluster.fields import is_named, is_same
from generator.cluster.port import FIELD_MANAGER, Body

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
    if not isinstance(fields, Mapping):
        return False
    comparison = _Comparison(find_defaults(str(manifest.get("apiVersion")), str(manifest.get("kind"))))
    return comparison.agrees(_without_identity(manifest), live, fields, ())


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


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A manifest against a live object, along the fields that are owned."""

    defaults: Mapping[Names, Mapping[str, Any]]

    def agrees(self, wanted: Any, found: Any, fields: Mapping[str, Any], at: Names) -> bool:
        """Whether just what is wanted is owned, and is what is found. Without fields below it counts as a whole."""
        owned = len(fields) - ("." in fields)
        if not owned:
            return self._is_whole(wanted, found, at)
        if isinstance(wanted, dict) and isinstance(found, dict):
            if owned != len(wanted):
                return False
            for key, value in wanted.items():
                below = fields.get(f"f:{key}")
                if below is None or key not in found:
                    return False
                if type(value) is str and not below:  # most of what is compared
                    if value != found[key]:
                        return False
                elif not self.agrees(value, found[key], below, (*at, key)):
                    return False
            return True
        if isinstance(wanted, list) and isinstance(found, list):
            return owned == len(wanted) and self._items_agree(wanted, found, fields, at)
        return False

    def _items_agree(self, wanted: list[Any], found: list[Any], fields: Mapping[str, Any], at: Names) -> bool:
        """Each wanted item is one of the owned ones, and they stand in the same order: an apply would restore that."""
        places = []
        left = [element for element in fields if element != "."]
        for item in wanted:
            element = next((each for each in left if is_named(each, item)), None)
            if element is None:
                return False
            left.remove(element)
            places_found = [place for place, other in enumerate(found) if is_named(element, other)]
            if len(places_found) != 1:
                return False
            same = element.startswith("v:") or self.agrees(item, found[places_found[0]], fields[element], at)
            if not same:
                return False
            places.append(places_found[0])
        return places == sorted(places)

    def _is_whole(self, wanted: Any, found: Any, at: Names) -> bool:
        """Equal, but for what the server fills in."""
        if type(wanted) is str or not self.defaults:
            return is_same(wanted, found)
        if isinstance(wanted, dict) and isinstance(found, dict):
            return wanted.keys() <= found.keys() and all(
                self._is_whole(wanted[key], value, (*at, key)) if key in wanted else self._is_default(key, value, at)
                for key, value in found.items()
            )
        if isinstance(wanted, list) and isinstance(found, list):
            return len(wanted) == len(found) and all(
                self._is_whole(one, other, at) for one, other in zip(wanted, found, strict=True)
            )
        return is_same(wanted, found)

    def _is_default(self, key: str, value: Any, at: Names) -> bool:
        known = self.defaults.get(at, {})
        return key in known and is_same(known[key], value)


def take_over(live: Body, managers: Sequence[tuple[str, str]], manager: str = FIELD_MANAGER) -> list[dict[str, Any]]:
    """A JSON patch that moves the fields of these (manager, operation) entries into ours; empty if there are none.

    The next apply then removes those that the manifest does not have. It tests the resourceVersion. Entries of
    subresources stay. An entry names fields of one version of the API, and a manager has one entry: it keeps our
    version, else the object's, else the first one's; fields of others are given up, so that nobody owns them.
    """
    wanted = set(managers)
    entries = list(managed_fields(live))
    moved = [entry for entry in entries if _is_one_of(entry, wanted, manager)]
    if not moved:
        return []
    own = next(_own_entries(live, manager), None)
    versions = [str(entry.get("apiVersion")) for entry in ((own, *moved) if own is not None else moved)]
    version = live.get("apiVersion") if own is None and live.get("apiVersion") in versions else versions[0]
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
