"""Merging a manifest into a live body, and taking fields away.

Owns: the values. Refuses: who may (`field_owners`), and defaults.
Source: structured-merge-diff v6, as far as a server-side apply of revstamp's manifests shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.simulated.field_sets import Tree
from generator.cluster.simulated.lists import children_of, key_of, keys_of


def merge_values(group: str, field: str, live: Any, given: Any) -> Any:
    """The live value with what is given laid over it. Neither is changed; parts may be shared."""
    if isinstance(live, dict) and isinstance(given, dict):
        if children_of(group, field, live) is None or children_of(group, field, given) is None:
            return live if not given and not _is_leaf_map(group, field, live) else given
        merged = dict(live)
        for key, value in given.items():
            merged[key] = merge_values(group, key, live[key], value) if key in live else value
        return merged
    if isinstance(live, list) and isinstance(given, list) and live and given:
        keys = keys_of(group, field, given)
        if keys and keys == keys_of(group, field, live):
            return _merge_items(group, live, given, keys)
        if children_of(group, field, given) is not None and children_of(group, field, live) is not None:
            return [*live, *(item for item in given if item not in live)]
    return given


def _is_leaf_map(group: str, field: str, value: dict[str, Any]) -> bool:
    """Whether a map that holds something is atomic."""
    return bool(value) and children_of(group, field, value) is None


def _merge_items(group: str, live: list[Any], given: list[Any], keys: tuple[str, ...]) -> list[Any]:
    """In the order that is given; what only the live list has stays behind what it stood behind."""
    left = {key_of(item, keys): item for item in live}
    right = {key_of(item, keys): item for item in given}
    order: list[str] = []
    waiting = list(left)
    for key in right:
        if key in left:
            while waiting and waiting[0] not in right:
                order.append(waiting.pop(0))
            if key in waiting:
                waiting.remove(key)
        order.append(key)
    order.extend(key for key in waiting if key not in right)
    merged: list[Any] = []
    for key in order:
        if key not in right:
            merged.append(left[key])
        else:
            merged.append(merge_values(group, "", left[key], right[key]) if key in left else right[key])
    return merged


def remove_fields(group: str, field: str, value: Any, gone: Tree, kept: Tree) -> Any:
    """The value without what `gone` names, but for what `kept` names.

    A map or item of which nothing is kept goes as a whole, with the defaults that stand in it.
    """
    children = children_of(group, field, value)
    if children is None:
        return value
    left: list[tuple[str, Any]] = []
    for element, name, below in children:
        if element not in gone:
            left.append((name, below))
        elif element in kept:
            left.append((name, remove_fields(group, name, below, gone[element], kept[element])))
    if isinstance(value, dict):
        return dict(left)
    return [below for _, below in left]


def without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body whose metadata has no empty maps and lists: the API leaves them out."""
    metadata = body.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if value not in ({}, [], None)}
    return {**body, "metadata": kept}
