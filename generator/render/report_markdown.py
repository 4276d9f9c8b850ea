"""A difference as the one comment of a pull request.

Owns: its layout and its size. Refuses: finding and editing the comment (the forge's adapter does, by the marker) and
times: what is shown of them is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator.render.diff import EndpointDiff, FleetDiff
from generator.render.diff_fields import Effect
from generator.render.report_escape import code_span, escape_prose
from generator.render.report_words import ABSENT, clip, endpoint_title, endpoint_verdict, fleet_verdict, pair_texts

MARKER = "<!-- revstamp:diff -->"
"""By this the comment is found again and edited in place. It stands at the end of its line: at the start of one it
would make the whole line HTML, in which no emphasis is read."""

_VALUE = 160
_SLOT = 120
_LINE = 300
_TABLE = ("| | before | after | pods |", "|---|---|---|---|")
_RESERVED = 200


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands around the table; every slot may stay empty.

    `usual_duration` joins the verdict; `outcome` is what came of it after the merge, a line each; `stale` says that
    the base has moved since.
    """

    base: str = ""
    head: str = ""
    rendered: str = ""
    artifact: str = ""
    usual_duration: str = ""
    outcome: tuple[str, ...] = ()
    stale: bool = False


def diff_markdown(diffs: Sequence[EndpointDiff], *, max_bytes: int = 8192, footer: Footer | None = None) -> str:
    """The comment, at most `max_bytes` bytes of UTF-8 (512 at least): a verdict, tables, and what was left out.

    Endpoints that restart come first, so that what is left out at the end matters least.
    """
    footer = footer or Footer()
    limit = max(512, max_bytes)
    fleet = FleetDiff(tuple(diffs))
    head, foot = list(_head_lines(fleet, footer)), list(_foot_lines(footer))
    room = limit - _size([*head, *foot]) - _RESERVED
    body = _Body(room)
    for diff in sorted(fleet.changed, key=_weight):
        body.add_endpoint(diff, heading=len(fleet.endpoints) > 1)
    text = "\n".join([*head, *body.lines, *body.left_out_lines(), *foot, ""])
    last_resort = f"**The difference is too large to show here.** {MARKER}\n"
    return next((one for one in (text, f"{head[0]}\n") if len(one.encode()) <= limit), last_resort)


def _weight(diff: EndpointDiff) -> tuple[bool, bool, int, str, str]:
    pods = diff.impact.replicas_restarted
    return not diff.replaces, not pods, -pods, diff.environment, diff.name


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _head_lines(fleet: FleetDiff, footer: Footer) -> Iterator[str]:
    if len(fleet.endpoints) == 1:
        diff = fleet.endpoints[0]
        verdict = f"{code_span(clip(endpoint_title(diff), _LINE))}: **{escape_prose(endpoint_verdict(diff))}**"
    else:
        verdict = f"**{escape_prose(fleet_verdict(fleet))}**"
    usual = f", usually {escape_prose(clip(footer.usual_duration, _SLOT))}" if footer.usual_duration else ""
    yield f"{verdict}{usual} {MARKER}"
    if footer.stale:
        yield ""
        yield "**Stale:** the base has moved since this was rendered; the check fails until it is rendered again."


def _foot_lines(footer: Footer) -> Iterator[str]:
    if footer.outcome:
        yield ""
        yield "**Outcome**"
        yield ""
        yield from (f"- {escape_prose(clip(line, _LINE))}" for line in footer.outcome[:8])
    slots = [("base", footer.base), ("head", footer.head), ("rendered", footer.rendered)]
    slots.append(("full difference", footer.artifact))
    words = [f"{name} {code_span(clip(value, _SLOT))}" for name, value in slots if value]
    if words:
        yield ""
        yield " · ".join(words)


class _Body:
    """Tables that grow as long as there is room; counts what no longer fits."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.lines: list[str] = []
        self.fields_left = 0
        self.endpoints_left = 0
        self.restarts_left = 0

    def add_endpoint(self, diff: EndpointDiff, *, heading: bool) -> None:
        """The endpoint's table, as much of it as fits; nothing of it once anything was left out."""
        title = f"{code_span(clip(endpoint_title(diff), _LINE))}: {escape_prose(endpoint_verdict(diff))}"
        start = ["", title] if heading else []
        start += [line for sentence in diff.replaces for line in ("", f"**Replaces:** {_sentence(sentence)}")]
        rows = list(_table_lines(diff))
        if self.fields_left or self.endpoints_left or not self._fits([*start, "", *_TABLE]):
            self.endpoints_left += 1
            self.restarts_left += bool(diff.impact.replicas_restarted)
            return
        self._take([*start, "", *_TABLE] if rows else start)
        for number, row in enumerate(rows):
            if not self._fits([row]):
                self.fields_left = len(rows) - number
                return
            self._take([row])

    def left_out_lines(self) -> list[str]:
        """How much is not shown."""
        parts = []
        if self.fields_left:
            parts.append(f"{self.fields_left} more {'field' if self.fields_left == 1 else 'fields'}")
        if self.endpoints_left:
            noun = "endpoint" if self.endpoints_left == 1 else "endpoints"
            parts.append(f"{self.endpoints_left} more {noun} ({self.restarts_left} of which restart)")
        return ["", f"… left out for size: {' and '.join(parts)}."] if parts else []

    def _fits(self, lines: Sequence[str]) -> bool:
        return _size(lines) <= self.room

    def _take(self, lines: Sequence[str]) -> None:
        self.lines += lines
        self.room -= _size(lines)


def _sentence(text: str) -> str:
    return escape_prose(clip(text, _LINE))


def _table_lines(diff: EndpointDiff) -> Iterator[str]:
    for row in diff.rows:
        yield _table_line(row.label, row.old, row.new, row.effect)
    for item in diff.others:
        label = f"{code_span(clip(item.kind, _SLOT))} {code_span(clip(item.change.path, _SLOT))}"
        yield _table_line(label, item.change.old, item.change.new, item.change.effect)


def _table_line(label: str, old: object, new: object, effect: Effect | None) -> str:
    before, after = pair_texts(old, new, _VALUE)
    cells = [ABSENT if value is None else code_span(text) for value, text in ((old, before), (new, after))]
    marked = "" if effect is None else f"**{effect}**" if effect is not Effect.NO_RESTART else str(effect)
    return f"| {label} | {cells[0]} | {cells[1]} | {marked} |"
