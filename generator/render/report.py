"""Differences for people and scripts: text, Markdown, JSON, and the files line by line.

Owns: the one place to import reports from, and the unified form. Refuses: comparing (`diff`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff

from generator.render.report_json import diff_dict, fleet_dict
from generator.render.report_markdown import MARKER, Footer, diff_markdown
from generator.render.report_text import diff_text
from generator.render.report_words import endpoint_verdict, fleet_verdict, intent_words, printable

__all__ = [
    "MARKER",
    "Footer",
    "diff_dict",
    "diff_markdown",
    "diff_text",
    "endpoint_verdict",
    "fleet_dict",
    "fleet_verdict",
    "intent_words",
    "unified",
]

_COLOURS = {"+": "32", "-": "31", "@": "36"}


def unified(before: Mapping[str, str], after: Mapping[str, str], *, color: bool = False, context: int = 3) -> str:
    """The files line by line, as git shows them; empty where all are the same. File name → text."""
    lines: list[str] = []
    for name in sorted({**before, **after}):
        lines += _file_lines(name, before.get(name), after.get(name), context)
    return "".join(f"{_paint(line) if color else line}\n" for line in lines)


def _file_lines(name: str, old: str | None, new: str | None, context: int) -> Iterator[str]:
    """One file's hunks. Only a newline ends a line: other line separators stay inside theirs, as for git."""
    if old == new:
        return
    names = ("/dev/null" if old is None else f"a/{name}", "/dev/null" if new is None else f"b/{name}")
    yield from unified_diff(_lines(old), _lines(new), names[0], names[1], n=context, lineterm="")


def _lines(text: str | None) -> list[str]:
    *lines, rest = (text or "").split("\n")
    return [*lines, f"{rest}\n\\ No newline at end of file"] if rest else lines


def _paint(line: str) -> str:
    """For a terminal: coloured, and with nothing in it that steers one."""
    colour = _COLOURS.get(line[:1])
    text = "\n".join(map(printable, line.split("\n")))
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text
