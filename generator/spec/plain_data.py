"""Limits of free-form data: what JSON and YAML can both carry, in an amount that people write.

Owns: depth, number of values, size of numbers, characters in texts. Refuses: what the data means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from generator.spec.loader import MAX_DEPTH, MAX_VALUES
from generator.spec.place import Path
from generator.spec.text import LARGEST_INTEGER, has_control_characters, shown


def find_unplain(data: Any) -> tuple[Path, str] | None:
    """The first place in the data that cannot be carried, and what is wrong there; None where all is well."""
    waiting: list[tuple[Path, Any]] = [((), data)]
    count = 0
    while waiting:
        path, value = waiting.pop()
        count += 1
        if count > MAX_VALUES:
            return (), f"holds more than {MAX_VALUES} values"
        if len(path) > MAX_DEPTH:
            return path[:3], f"is nested deeper than {MAX_DEPTH} levels"
        problem = _problem(value)
        if problem:
            return path, problem
        if isinstance(value, dict | list | tuple):
            waiting.extend(_children(path, value))
    return None


def _children(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in reversed(list(items)):
        yield (*path, key), item


def _problem(value: Any) -> str:
    """What is wrong with one value, its keys included, but not with what is inside it."""
    if isinstance(value, dict):
        wrong = next((key for key in value if not isinstance(key, str) or has_control_characters(key)), None)
        return "" if wrong is None else f"{shown(wrong)} is not a key of plain text"
    if isinstance(value, str):
        return "holds a control character" if has_control_characters(value) else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return "" if abs(value) <= LARGEST_INTEGER else "is a number of more than 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is not a number that JSON knows"
    return "" if value is None or isinstance(value, bool | list | tuple) else f"is a {type(value).__name__}"
