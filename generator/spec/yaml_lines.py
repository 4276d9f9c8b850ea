"""New lines for a person's file, in the way the file is written.

Owns: the file's style (line breaks, indentation) and plain data as block lines or between braces. Refuses: where the
lines go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.spec.scalars import write_scalar

_NESTED = re.compile(r"(?m)^( *)[^\s#-][^\r\n]*:[ \t]*(?:#[^\r\n]*)?\r?\n( +)[^\s#-]")
_DASHED = re.compile(r"(?m)^( *)[^\s#-][^\r\n]*:[ \t]*(?:#[^\r\n]*)?\r?\n( *)-(?= )")


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is written: `indent` of a nested mapping, `dash` of a list's dashes below their key."""

    newline: str
    indent: int
    dash: int

    @classmethod
    def of(cls, text: str) -> Style:
        """The style of a text, by the first lines that show it."""
        nested = next((m for m in _NESTED.finditer(text) if len(m[2]) > len(m[1])), None)
        indent = len(nested[2]) - len(nested[1]) if nested else 2
        dashed = next((m for m in _DASHED.finditer(text) if len(m[2]) >= len(m[1])), None)
        dash = len(dashed[2]) - len(dashed[1]) if dashed else indent
        found = re.search(r"\r\n|\r|\n", text)
        return cls(found[0] if found else "\n", indent, dash)


def key_lines(key: str, value: Any, column: int, style: Style) -> list[str]:
    """`key: value` as lines that start at a column."""
    lead = f"{' ' * column}{write_scalar(key)}:"
    if isinstance(value, Mapping) and value:
        below = column + style.indent
        return [lead, *(line for name, item in value.items() for line in key_lines(name, item, below, style))]
    if isinstance(value, list) and value:
        return [lead, *(line for item in value for line in _item_lines(item, column + style.dash, style))]
    return [f"{lead} {flow_text(value)}"]


def _item_lines(item: Any, column: int, style: Style) -> list[str]:
    dash = f"{' ' * column}- "
    if not (isinstance(item, Mapping) and item):
        return [dash + flow_text(item)]
    lines = [line for name, value in item.items() for line in key_lines(name, value, column + 2, style)]
    return [dash + lines[0][column + 2 :], *lines[1:]]


def flow_text(value: Any) -> str:
    """Plain data on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{write_scalar(key)}: {flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_text(item) for item in value) + "]"
    return write_scalar(value)
