"""A request as a patch on the endpoint file: fields set, fields cleared.

Owns: the patch, and applying it to plain data. Refuses: a person's text (that is `edit`) and judging the result (that
is `validate` and `rules`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from generator.errors import InvalidInput, Violation
from generator.spec.document import Document, Path, dotted, load_document
from generator.spec.edit import edit_towards


@dataclass(frozen=True, slots=True)
class Patch:
    """Values by path from the root of the endpoint file; `labels` say what the request calls each of them."""

    sets: Mapping[Path, Any] = field(default_factory=dict)
    clears: frozenset[Path] = frozenset()
    labels: Mapping[Path, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the patch changes nothing."""
        return not self.sets and not self.clears

    def merged(self, other: Patch) -> Patch:
        """This patch and another one on top of it. InvalidInput where both say something else about one field."""
        clash = [path for path in other.sets if any(self._disputes(path, other.sets[path], mine) for mine in self.sets)]
        clash += [path for path in other.clears if path in self.sets]
        clash += [path for path in other.sets if path in self.clears]
        if clash:
            violations = [
                Violation("is given twice with different values", "give it once", dotted(path), "request")
                for path in clash
            ]
            raise InvalidInput("the request contradicts itself", violations=violations)
        return Patch(
            {**self.sets, **other.sets},
            self.clears | other.clears,
            {**self.labels, **other.labels},
            self.notices + other.notices,
        )

    def _disputes(self, path: Path, value: Any, mine: Path) -> bool:
        """Whether a value says something else than one of this patch, or is set inside or around it."""
        if path == mine:
            return bool(self.sets[mine] != value)
        return path[: len(mine)] == mine or mine[: len(path)] == path

    def to_dict(self) -> dict[str, Any]:
        """The JSON form for records and logs."""
        return {
            "set": {dotted(path): value for path, value in self.sets.items()},
            "clear": sorted(dotted(path) for path in self.clears),
        }


def patch_document(document: Document, patch: Patch) -> Document:
    """The document with the patch applied; what the patch set is labelled as coming from the request."""
    data = copy.deepcopy(document.data)
    apply_patch(data, patch)
    labels = {path: patch.labels.get(path, dotted(path)) for path in patch.sets}
    return replace(document, data=data, labels=labels)


def apply_patch(data: MutableMapping[str, Any], patch: Patch) -> None:
    """Change a mapping in place. A mapping that loses its last field goes too."""
    for path in sorted(patch.clears, key=str):
        _clear(data, path)
    for path, value in patch.sets.items():
        _set(data, path, value)


def _clear(data: MutableMapping[str, Any], path: Path) -> None:
    parents: list[tuple[MutableMapping[str, Any], str]] = []
    target: Any = data
    for part in path[:-1]:
        if not isinstance(target, MutableMapping) or part not in target:
            return
        parents.append((target, str(part)))
        target = target[part]
    if not isinstance(target, MutableMapping) or path[-1] not in target:
        return
    del target[path[-1]]
    while parents and not target:
        target, key = parents.pop()
        if len(parents) == 0 and key in ("metadata", "spec"):
            return
        del target[key]


def _set(data: MutableMapping[str, Any], path: Path, value: Any) -> None:
    target: Any = data
    for part in path[:-1]:
        below = target.get(part)
        if not isinstance(below, MutableMapping):
            target[part] = below = {}
        target = below
    target[path[-1]] = value


def edit_text(text: str, patch: Patch) -> str:
    """A person's file with the patch applied: comments, order, quotes and every untouched line stay as they are."""
    if patch.is_empty:
        return text
    data = load_document(text, "the file").data
    if not isinstance(data, dict):
        raise InvalidInput("the file is not a mapping")
    wanted = copy.deepcopy(data)
    apply_patch(wanted, patch)
    return edit_towards(text, data, wanted)
