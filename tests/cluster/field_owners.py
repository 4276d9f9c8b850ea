"""Who owns which field of an object, as tests read it.

Owns: looking at `managedFields`. Refuses: what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.cluster.drift import managed_fields
from generator.cluster.fields import Path, iterate_leaves
from generator.cluster.port import Body

Owner = tuple[str, str, str]
"""Manager, operation (`Apply` or `Update`) and subresource, which is empty for the object itself."""


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
