"""A person's file, edited: only the lines of the values that change are touched.

Owns: finding what differs, and the check that the edited text says what was wanted. Refuses: what the values mean. A
round trip through a YAML library would write indentation, quotes, folds and comments anew; this leaves every other
byte as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from generator.errors import InvalidInput
from generator.spec.document import load_document
from generator.spec.edited_text import Cut, EditedText
from generator.spec.place import Path

Change = tuple[Path, Any]
_GONE: Any = object()


def edit_towards(text: str, data: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The text that says `wanted`, made of one that says `data`, with every untouched line as it is.

    InvalidInput where the text is written in a way that cannot be edited piece by piece.
    """
    changes = list(_differences(data, wanted, ()))
    if not changes:
        return text
    for edit in (_edit_at_once, _edit_one_by_one):
        edited = edit(text, changes)
        if edited is not None and is_same(_read(edited), wanted):
            return edited
    raise InvalidInput(
        "the file cannot be edited without rewriting it",
        hint="write its mappings as `name: value`, one a line, and try again",
    )


def _edit_at_once(text: str, changes: list[Change]) -> str | None:
    """All changes by the places of one reading; None where they touch each other."""
    before = EditedText(text)
    return before.apply(cut for path, value in changes for cut in _cuts(before, path, value))


def _edit_one_by_one(text: str, changes: list[Change]) -> str | None:
    """Each change on what the ones before it made; None where one of them breaks the text."""
    edited: str | None = text
    for path, value in changes:
        try:
            before = EditedText(edited or "")
            edited = before.apply(_cuts(before, path, value))
        except yaml.YAMLError:
            return None
    return edited


def _cuts(text: EditedText, path: Path, value: Any) -> list[Cut]:
    return text.remove(path) if value is _GONE else text.set_value(path, value)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Change]:
    """What to set, then what to remove, each as deep inside as the two have mappings in common."""
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and before and value:
            yield from _differences(before, value, (*path, key))
        elif key not in old or not is_same(before, value):
            yield (*path, key), value
    for key in old:
        if key not in new:
            yield (*path, key), _GONE


def is_same(one: Any, two: Any) -> bool:
    """Whether two values of plain data are the same one: true is not 1, but 70 is 70.0."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(is_same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(is_same(a, b) for a, b in zip(one, two, strict=True))
    return isinstance(one, bool) == isinstance(two, bool) and bool(one == two)


def _read(text: str) -> Any:
    try:
        return load_document(text, "the edited file").data
    except InvalidInput:
        return _GONE
