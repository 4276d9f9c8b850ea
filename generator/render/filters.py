"""The few filters that templates have, each bounded.

Owns: filters, the size of what they make, and the kind of text that a template made itself. Refuses: anything that
turns values into text with structure; indenting and shaping YAML is for the template's own text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.filters import do_default

MAX_TEXT = 1_000_000
"""Characters of one rendering; an object must fit etcd's 1.5 MB."""

MAX_RANGE = 1_000

MARK_OPEN, MARK_CLOSE = "\ue002", "\ue003"
"""Around `template:line` in text that is rendered again to find the place of an error."""

_MARKS = re.compile(f"{MARK_OPEN}[^{MARK_CLOSE}]*{MARK_CLOSE}")


class Fragment(str):
    """Text that a template made itself (a macro's result, a captured block), so it is no value and is not held."""

    __slots__ = ()


def check_size(size: int) -> None:
    """SecurityError where something would be larger than any object can be."""
    if size > MAX_TEXT:
        raise SecurityError(f"the template makes more than {MAX_TEXT:,} characters or items")


def bounded_range(*args: int) -> range:
    """Jinja's `range`, for loops of a sensible length."""
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        raise SecurityError(f"a range of more than {MAX_RANGE:,} numbers")
    return numbers


def join_words(parts: Iterable[Any], separator: str = "") -> str:
    """Text and numbers joined to a text; maps and lists have no text that YAML and people agree on."""
    words = [_word(part) for part in parts]
    check_size(sum(map(len, words)) + len(separator) * len(words))
    return separator.join(words)


def _word(part: Any) -> str:
    if isinstance(part, str | int | float | Undefined):
        return str(part)
    raise SecurityError(f"a {type(part).__name__} cannot be made text: write it as a value of its own")


def _indent(text: str, width: int) -> str:
    """Every line that is not empty, moved to the right; for shared pieces: `{% filter indent(6) %}…`.

    A line of marks alone is empty: the text must be the same with marks and without.
    """
    lines = text.split("\n")
    pad = " " * min(width, 100)
    check_size(len(text) + len(pad) * len(lines))
    moved = "\n".join(pad + line if _MARKS.sub("", line).strip() else line for line in lines)
    return Fragment(moved) if type(text) is Fragment else moved


def _merge(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A map with the keys of both; those of the second win."""
    return {**base, **more}


def _replace(text: str, old: str, new: str) -> str:
    word = _word(text)
    check_size(len(word) + word.count(old) * len(new))
    return word.replace(old, new)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "default": do_default,
    "indent": _indent,
    "join": join_words,
    "length": len,
    "lower": lambda text: _word(text).lower(),
    "merge": _merge,
    "replace": _replace,
    "string": _word,
    "trim": lambda text: _word(text).strip(),
    "upper": lambda text: _word(text).upper(),
}
