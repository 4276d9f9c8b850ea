"""Label selectors: the API's text form, and those of objects.

Owns: reading and matching them. Refuses: field selectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Labels = Mapping[str, str]
Selector = Callable[[Labels], bool]

_PIECE = re.compile(r"\s*([^,()]*(?:\([^()]*\))?)\s*(?:,|$)")
_SET = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(r"^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$")
_EXISTS = re.compile(r"^(!?)\s*([A-Za-z0-9][A-Za-z0-9._/-]*)$")


class SelectorInvalid(ValueError):
    """The text is no label selector."""


@lru_cache(maxsize=1024)
def read_selector(text: str) -> Selector:
    """What a text such as `app=chat,tier in (a, b),!old` selects. Raises SelectorInvalid."""
    tests: list[Selector] = []
    at = 0
    while at < len(text.rstrip()):
        found = _PIECE.match(text, at)
        if found is None or not found[1].strip():
            raise SelectorInvalid(f"unable to parse the selector {text!r} at position {at + 1}")
        tests.append(_read_piece(found[1].strip()))
        at = found.end()
    return lambda labels: all(test(labels) for test in tests)


def _read_piece(piece: str) -> Selector:
    if found := _SET.match(piece):
        key, values = found[1], {value.strip() for value in found[3].split(",")}
        if found[2] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.match(piece):
        key, value = found[1], found[3]
        if found[2] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.match(piece):
        key, absent = found[2], bool(found[1])
        return lambda labels: (key in labels) is not absent
    raise SelectorInvalid(f"unable to parse requirement {piece!r}")


def matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a LabelSelector of an object selects these labels; none selects nothing."""
    if not selector:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(each, labels) for each in selector.get("matchExpressions") or ())


def _meets(expression: Mapping[str, Any], labels: Labels) -> bool:
    return meets_operator(
        str(expression.get("operator")), labels.get(str(expression.get("key"))), expression.get("values") or ()
    )


def meets_operator(operator: str, value: str | None, values: Any) -> bool:
    """One requirement of a label selector or of a node selector; `value` is None where there is no such label."""
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator in ("Gt", "Lt") and value is not None and values:
        try:
            number, bound = int(value), int(values[0])
        except ValueError:
            return False
        return number > bound if operator == "Gt" else number < bound
    return False
