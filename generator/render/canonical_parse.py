"""Reading canonical YAML, line by line: what `emit_yaml` writes, which is what nearly every committed manifest is.

Owns: `read_canonical`. Refuses: every text that is not written just so, by answering None; the strict reader (`parse`)
decides about those. What is answered is what the strict reader would answer, in a fraction of the time: the lines of a
fleet's manifests are mostly the same, and each different one is taken apart once.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

_MOST_LEVELS = 60
"""Levels of nesting that are read here; the strict reader owns the bound."""
_LONGEST_LINE = 400
"""Characters of a line that is worth remembering; a key may have no more either."""
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4})*"'
"""A quoted string that JSON and YAML read alike: printable ASCII, short escapes, no halves of surrogate pairs."""
_PLAIN = r"[A-Za-z][A-Za-z0-9/._-]*"
_SCALAR = rf"{_PLAIN}|{_STRING}|0|-?[1-9][0-9]{{0,17}}|\{{\}}|\[\]"
_LINE = re.compile(rf"((?:  )*)((?:- )*)(?:({_PLAIN}|{_STRING}):(?: ({_SCALAR}))?|({_SCALAR}))")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_VALUES: dict[str, Any] = {"true": True, "false": False, "null": None}
_BELOW = object()
"""In place of a value: it stands in the lines below."""


class _NotCanonical(Exception):
    """The strict reader is to look at it."""


class _Line(NamedTuple):
    """A line, taken apart. `dashes`: how many list items begin with it; `key` is None where the item is a scalar."""

    level: int
    dashes: int
    key: str | None
    value: Any


def read_canonical(text: str) -> dict[str, Any] | None:
    """The map that a canonical text holds; None where the text is anything else."""
    if not text.endswith("\n"):
        return None
    try:
        return _read_map(text[:-1].split("\n"))
    except _NotCanonical:
        return None


def _read_map(lines: list[str]) -> dict[str, Any]:
    """Follows the lines with one open container for each level, and the key that waits for what stands below it."""
    root: dict[str, Any] = {}
    containers: list[Any] = [root]
    waiting: str | None = None
    for text in lines:
        level, dashes, key, value = _read_line(text) if len(text) <= _LONGEST_LINE else _take_apart(text)
        if waiting is not None:
            if level != len(containers):
                raise _NotCanonical
            made: Any = [] if dashes else {}
            containers[-1][waiting] = made
            containers.append(made)
        else:
            del containers[level + 1 :]
        if level >= len(containers) or type(containers[level]) is not (list if dashes else dict):
            raise _NotCanonical
        if dashes:
            _begin_items(containers, dashes, key, value)
        if type(value) is str and key is not None and key not in containers[-1]:  # most lines
            containers[-1][key], waiting = value, None
        else:
            waiting = None if key is None else _put(containers[-1], key, value)
    if waiting is not None:
        raise _NotCanonical
    return root


def _begin_items(containers: list[Any], dashes: int, key: str | None, value: Any) -> None:
    """A list's next item: a scalar, the first key of a map, or the first item of a list inside."""
    for left in range(dashes - 1, -1, -1):
        inner: Any = [] if left else ({} if key is not None else _fresh(value))
        containers[-1].append(inner)
        if left or key is not None:
            containers.append(inner)


def _put(container: dict[str, Any], key: str, value: Any) -> str | None:
    """Returns the key where its value stands below."""
    if key in container:
        raise _NotCanonical
    if value is _BELOW:
        container[key] = None
        return key
    container[key] = _fresh(value)
    return None


def _fresh(value: Any) -> Any:
    """Lines are remembered, containers are not shared."""
    return type(value)() if type(value) in (dict, list) else value


def _take_apart(text: str) -> _Line:
    match = _LINE.fullmatch(text)
    if match is None or len(match[1]) > 2 * _MOST_LEVELS or len(match[2]) > 2 * _MOST_LEVELS:
        raise _NotCanonical
    level, dashes = len(match[1]) // 2, len(match[2]) // 2
    if match[3] is None:
        if not dashes:
            raise _NotCanonical
        return _Line(level, dashes, None, _read_scalar(match[5]))
    key = _read_scalar(match[3])
    if not isinstance(key, str) or len(match[3]) > _LONGEST_LINE:
        raise _NotCanonical
    return _Line(level, dashes, key, _BELOW if match[4] is None else _read_scalar(match[4]))


_read_line = lru_cache(maxsize=4096)(_take_apart)


def _read_scalar(text: str) -> Any:
    """A string, a number, a word of JSON, or an empty container."""
    if text[0] == '"':
        return json.loads(text)
    if text == "{}":
        return {}
    if text == "[]":
        return []
    if not text[0].isalpha():
        return int(text)
    if text.lower() not in _WORDS:
        return text
    if text not in _VALUES:
        raise _NotCanonical
    return _VALUES[text]
