"""A difference for a terminal.

Owns: layout, and colour that only repeats what words already say. Refuses: deciding whether there is a terminal.
Colours are written here and not by a library: importing one costs more than rendering an endpoint.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from generator.render.diff import EndpointDiff, FleetDiff
from generator.render.diff_fields import Effect
from generator.render.diff_objects import ObjectChange
from generator.render.report_words import clip, endpoint_title, endpoint_verdict, fleet_verdict, pair_texts, printable

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "magenta": "35", "dim": "2", "bold": "1"}
_EFFECTS = {Effect.RESTARTS: "yellow", Effect.REPLACES: "magenta", Effect.NO_RESTART: "dim"}
_LABEL = 21
_LEAST_WIDTH = 60
_LONGEST = 400


def diff_text(diff: EndpointDiff | FleetDiff, *, color: bool, width: int = 100) -> str:
    """The difference in lines, ending with a newline; `width` is in columns, and 60 at least."""
    paint = _Painter(color, max(_LEAST_WIDTH, width))
    if isinstance(diff, EndpointDiff):
        return "\n".join([*_endpoint_lines(diff, paint), ""])
    lines = [line for endpoint in diff.changed for line in (*_endpoint_lines(endpoint, paint), "")]
    return "\n".join([*lines, paint.bold(fleet_verdict(diff)), ""])


class _Painter:
    """Colour or none, and how wide a line may be."""

    def __init__(self, color: bool, width: int) -> None:
        self.color = color
        self.width = width

    def __call__(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.color and text else text

    def bold(self, text: str) -> str:
        """A heading."""
        return self(text, "bold")


def _endpoint_lines(diff: EndpointDiff, paint: _Painter) -> Iterator[str]:
    yield paint.bold(endpoint_title(diff))
    yield f"  {endpoint_verdict(diff)}"
    for sentence in diff.replaces:
        yield f"  {paint('replaces', 'magenta')}  {printable(sentence)}"
    for row in diff.rows:
        yield from _change_lines(row.label, row.old, row.new, row.effect, paint)
    if diff.others:
        yield "  other fields"
    for item in diff.others:
        yield f"    {printable(item.kind)}  {printable(item.change.path)}"
        yield from _change_lines("", item.change.old, item.change.new, item.change.effect, paint)
    if objects := _object_words(diff):
        yield paint(f"  objects: {objects}", "dim")


def _object_words(diff: EndpointDiff) -> str:
    quiet = (ObjectChange.UNCHANGED, ObjectChange.RESTAMPED)
    return ", ".join(f"{printable(item.kind)} {item.change}" for item in diff.objects if item.change not in quiet)


def _change_lines(label: str, old: object, new: object, effect: Effect | None, paint: _Painter) -> Iterator[str]:
    """One line where both values and the effect fit, else a line for each value."""
    before, after = pair_texts(old, new, _LONGEST)
    head = f"  {label.ljust(_LABEL)}"
    tail = f"  {paint(effect.value, _EFFECTS[effect])}" if effect else ""
    room = paint.width - len(head) - (len(effect.value) + 2 if effect else 0)
    if cells(before) + cells(after) + 3 <= room:
        yield f"{head}{paint(before, 'red')} → {paint(after, 'green')}{tail}"
        return
    before, after = pair_texts(old, new, max(20, room - 2))
    yield f"{head}{paint('- ' + _fit(before, room - 2), 'red')}"
    yield f"{' ' * len(head)}{paint('+ ' + _fit(after, room - 2), 'green')}{tail}"


def cells(text: str) -> int:
    """Columns that a terminal uses for the text: two for wide East Asian characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fit(text: str, room: int) -> str:
    while cells(text) > room:
        text = clip(text, len(text) - 1)
    return text
