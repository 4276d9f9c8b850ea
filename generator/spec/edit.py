"""A person's file, edited: only the lines of the values that change are touched.

Owns: finding what differs, and the check that the edited text says what was wanted. Refuses: what the values mean. A
round trip through a YAML library would write indentation, quotes, folds and comments anew; this leaves every other
byte as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.errors import InvalidInput
from generator.spec.document import load_document
from generator.spec.edited_text import EditedText
from generator.spec.place import Path

_GONE: Any = object()


def edit_towards(text: str, data: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The text that says `wanted`, made of one that says `data`, with every untouched line as it is.

    InvalidInput where the text is written in a way that cannot be edited piece by piece.
    """
    edited = EditedText(text)
    for path, value in _differences(data, wanted, ()):
        edited = edited.without(path) if value is _GONE else edited.with_value(path, value)
    if edited.text != text and not is_same(_read(edited.text), wanted):
        raise InvalidInput(
            "the file cannot be edited without rewriting it",
            hint="write its mappings as `name: value`, one a line, and try again",
        )
    return edited.text


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
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
