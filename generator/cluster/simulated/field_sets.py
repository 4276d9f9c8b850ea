"""Sets of fields: of a body, of a `managedFields` entry, and what differs between two bodies.

Owns: paths as tuples of the elements that `fieldsV1` has, and the way between them and its trees. Refuses: who owns
what (`field_owners`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.cluster.simulated.lists import children_of, is_built_in

Path = tuple[str, ...]
Tree = dict[str, Any]

_NO_FIELDS = frozenset({"apiVersion", "kind"})
_NO_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    }
)


_ALWAYS_THERE = frozenset({"metadata", "spec", "template", "status", "strategy", "resources", "containers"})
"""Fields of built-in kinds that every object has, if only empty: whoever fills them did not add them."""


def read_fields(group: str, body: Mapping[str, Any], *, members: bool = False) -> frozenset[Path]:
    """Every field that the body gives, without those that name it and those that the server writes.

    `members`: also the maps and lists themselves, as somebody owns them who added them by an update.
    """
    found: set[Path] = set()
    for name, value in body.items():
        if name == "metadata":
            for key, below in value.items():
                if key not in _NO_METADATA:
                    _collect(group, key, below, ("f:metadata", f"f:{key}"), found, members)
        elif name not in _NO_FIELDS:
            _collect(group, name, value, (f"f:{name}",), found, members)
    return frozenset(found)


def _collect(group: str, field: str, value: Any, path: Path, found: set[Path], members: bool) -> None:
    children = children_of(group, field, value)
    if children is None:
        found.add(path)
        return
    if path[-1].startswith("k:") or (members and not (is_built_in(group) and field in _ALWAYS_THERE)):
        found.add(path)
    for element, name, below in children:
        _collect(group, name, below, (*path, element), found, members)


def compare_fields(group: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[set[Path], set[Path]]:
    """What `new` has that `old` has not or has otherwise, and what it has no longer."""
    changed: set[Path] = set()
    removed: set[Path] = set()
    for name in {**old, **new}:
        if name == "metadata":
            before, after = old.get(name) or {}, new.get(name) or {}
            for key in {**before, **after}:
                if key not in _NO_METADATA:
                    _compare(group, key, before, after, ("f:metadata",), changed, removed)
        elif name not in _NO_FIELDS:
            _compare(group, name, old, new, (), changed, removed)
    return changed, removed


def _compare(
    group: str,
    key: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    above: Path,
    changed: set[Path],
    removed: set[Path],
) -> None:
    path = (*above, f"f:{key}")
    if key not in new:
        _collect(group, key, old[key], path, removed, True)
    elif key not in old:
        _collect(group, key, new[key], path, changed, True)
    else:
        _compare_values(group, key, old[key], new[key], path, changed, removed)


def _compare_values(
    group: str, field: str, old: Any, new: Any, path: Path, changed: set[Path], removed: set[Path]
) -> None:
    if old == new and type(old) is type(new):
        return
    before, after = children_of(group, field, old), children_of(group, field, new)
    if before is None and after is None:
        changed.add(path)
        return
    left = {element: (name, below) for element, name, below in before or ()}
    right = {element: (name, below) for element, name, below in after or ()}
    if before is None and not _is_empty(old):
        removed.add(path)
    if after is None:
        changed.add(path)
    for element in {**left, **right}:
        inner = (*path, element)
        if element not in right:
            _collect(group, *left[element], inner, removed, True)
        elif element not in left:
            _collect(group, *right[element], inner, changed, True)
        else:
            _compare_values(group, right[element][0], left[element][1], right[element][1], inner, changed, removed)


def _is_empty(value: Any) -> bool:
    return isinstance(value, dict | list) and not value


def make_tree(paths: Iterable[Path]) -> Tree:
    """The `fieldsV1` form, with `.` where something that has fields below it is itself a member."""
    tree: Tree = {}
    members: list[Tree] = []
    for path in sorted(paths):
        at = tree
        for element in path:
            at = at.setdefault(element, {})
        members.append(at)
    for member in members:
        if member:
            member["."] = {}
    return tree


def read_tree(tree: Mapping[str, Any]) -> frozenset[Path]:
    """The other way."""
    return frozenset(_walk(tree, ()))


def _walk(tree: Mapping[str, Any], above: Path) -> Iterator[Path]:
    for element, below in tree.items():
        if element == ".":
            yield above
        elif below:
            yield from _walk(below, (*above, element))
        else:
            yield (*above, element)


def say_field(path: Path) -> str:
    """As the API server names a field in a conflict: `.spec.template.spec.containers[name="server"].image`."""
    text = ""
    for element in path:
        sort, _, rest = element.partition(":")
        if sort == "f":
            text += f".{rest}"
        elif sort == "k":
            pairs = (f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items())
            text += f"[{','.join(pairs)}]"
        else:
            text += f"[={rest}]" if sort == "v" else f"[{rest}]"
    return text
