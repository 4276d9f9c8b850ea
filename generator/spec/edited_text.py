"""One edit at a time in YAML text.

Owns: where a node begins and ends in the text, and cutting and inserting there. Refuses: choosing what to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from generator.spec.place import Path
from generator.spec.scalars import write_scalar
from generator.spec.yaml_lines import Style, flow_text, key_lines

Node = Any
_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value; `siblings` are all entries of that mapping."""

    key: Node
    value: Node
    mapping: Node

    @property
    def in_flow(self) -> bool:
        """Whether it stands between braces."""
        return bool(self.mapping.flow_style)


@dataclass(frozen=True, slots=True)
class Cut:
    """Characters from `start` to `end`, in the place of which `new` comes."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class EditedText:
    """YAML text, and the cuts that would set or remove a value in it."""

    text: str

    @cached_property
    def root(self) -> Node:
        """The root node; the text has been read before, so it is YAML without aliases."""
        return yaml.compose(self.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    @cached_property
    def style(self) -> Style:
        """How the file is written: its line breaks and its indentation."""
        return Style.of(self.text)

    def apply(self, cuts: Iterable[Cut]) -> str | None:
        """The text with all cuts made, those at one place in their order; None where two of them overlap."""
        pieces, position = [], 0
        for cut in sorted(cuts, key=lambda cut: (cut.start, cut.end)):
            if cut.start < position:
                return None
            pieces += [self.text[position : cut.start], cut.new]
            position = cut.end
        return "".join([*pieces, self.text[position:]])

    def set_value(self, path: Path, value: Any) -> list[Cut]:
        """Set a value; mappings on the way to it are made where they are missing."""
        entries = self._entries(path)
        if len(entries) == len(path):
            return self._replace(entries[-1], value)
        rest = path[len(entries) :]
        mapping = entries[-1].value if entries else self.root
        if isinstance(mapping, yaml.MappingNode):
            return [self._insert(mapping, str(rest[0]), _nest(rest[1:], value))]
        return self._replace(entries[-1], _nest(rest, value))

    def remove(self, path: Path) -> list[Cut]:
        """Remove a value with its key; none where it is the last one of a block, which cannot be empty."""
        entries = self._entries(path)
        entry = entries[-1] if len(entries) == len(path) else None
        if entry is None or (len(entry.mapping.value) == 1 and not entry.in_flow):
            return []
        return [self._cut_flow(entry) if entry.in_flow else self._cut_lines(entry)]

    def _entries(self, path: Path) -> list[Entry]:
        """The entries on the way to a value, as far as there are any."""
        found: list[Entry] = []
        node = self.root
        for part in path:
            if not isinstance(node, yaml.MappingNode):
                break
            pair = next((pair for pair in node.value if pair[0].value == part), None)
            if pair is None:
                break
            found.append(Entry(pair[0], pair[1], node))
            node = pair[1]
        return found

    def _replace(self, entry: Entry, value: Any) -> list[Cut]:
        """Another value behind the same key."""
        node = entry.value
        colon = self._colon(entry)
        if not entry.in_flow and isinstance(value, dict | list) and value and not _is_flow_list(node, value):
            return [self._replace_by_lines(entry, value)]
        new = flow_text(value) if isinstance(value, dict | list) else write_scalar(value, _quote_of(node))
        if _is_block(node):
            return [Cut(colon, colon, f" {new}"), Cut(self._line_end(colon), self._end(node), "")]
        if node.start_mark.index == node.end_mark.index:
            lead = " " if self.text[colon - 1] == ":" else ": "
            return [Cut(colon, colon, lead + new)]
        return [Cut(int(node.start_mark.index), self._end(node), new)]

    def _replace_by_lines(self, entry: Entry, value: Any) -> Cut:
        """A mapping or a list, as lines below the key; what stands behind the old value on its line is a comment."""
        colon, end = self._colon(entry), self._end(entry.value)
        column = entry.key.start_mark.column
        lines = key_lines("", value, column, self.style)[1:]
        if _is_block(entry.value):
            line_end = self._line_end(colon)
            return Cut(line_end, end, self._lines(lines))
        line_end = self._line_end(end)
        rest = self.text[end:line_end]
        return Cut(colon, line_end, rest + self._lines(lines))

    def _insert(self, mapping: Node, key: str, value: Any) -> Cut:
        """One more entry, behind the last one."""
        if mapping.flow_style:
            entry = f"{write_scalar(key)}: {flow_text(value)}"
            if not mapping.value:
                inside = mapping.start_mark.index + 1
                return Cut(inside, inside, entry)
            end = self._entry_end(mapping.value[-1])
            return Cut(end, end, f", {entry}")
        column = mapping.value[0][0].start_mark.column
        lines = key_lines(key, value, column, self.style)
        kept = self._kept_end(mapping)
        if kept is not None:
            return Cut(kept, kept, self._lines(lines).removeprefix(self.style.newline) + self.style.newline)
        line_end = self._line_end(self._end(mapping))
        return Cut(line_end, line_end, self._lines(lines))

    def _cut_lines(self, entry: Entry) -> Cut:
        start = int(entry.key.start_mark.index - entry.key.start_mark.column)
        found = _BREAK.match(self.text, self._line_end(max(self._end(entry.value), self._colon(entry))))
        if found is None:  # the last line of a file without a line break at its end
            return Cut(len(_without_last_break(self.text[:start])), len(self.text), "")
        return Cut(start, found.end(), "")

    def _cut_flow(self, entry: Entry) -> Cut:
        pairs = entry.mapping.value
        index = next(i for i, pair in enumerate(pairs) if pair[0] is entry.key)
        start, end = entry.key.start_mark.index, self._entry_end(pairs[index])
        if index + 1 < len(pairs):
            return Cut(start, pairs[index + 1][0].start_mark.index, "")
        if index > 0:
            before = self._entry_end(pairs[index - 1])
            if not _BREAK.search(self.text, before, start):
                start = before
        return Cut(start, end, "")

    def _lines(self, lines: list[str]) -> str:
        return "".join(self.style.newline + line for line in lines)

    def _colon(self, entry: Entry) -> int:
        """The place right behind the colon of a key; behind the key itself where it has none (`{a, b}`)."""
        end = int(entry.key.end_mark.index)
        limit = max(int(entry.value.start_mark.index), end)
        found = self.text.find(":", end, limit)
        return found + 1 if found >= 0 else end

    def _line_end(self, position: int) -> int:
        found = _BREAK.search(self.text, position)
        return found.start() if found else len(self.text)

    def _entry_end(self, pair: tuple[Node, Node]) -> int:
        return max(self._end(pair[1]), int(pair[0].end_mark.index))

    def _end(self, node: Node) -> int:
        """Where the node's own text ends: the mark of a block stands only before the next token, behind comments."""
        if _is_block(node):
            last = node.value[-1]
            return self._entry_end(last) if isinstance(last, tuple) else self._end(last)
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        return start + len(self.text[start:end].rstrip("\r\n")) if _is_text_block(node) else end

    def _kept_end(self, node: Node) -> int | None:
        """Where a mapping ends whose last value is a text that keeps its empty lines (`|+`); else None."""
        while _is_block(node):
            last = node.value[-1]
            node = last[1] if isinstance(last, tuple) else last
        start = int(node.start_mark.index)
        if _is_text_block(node) and "+" in self.text[start : start + 3]:
            return int(node.end_mark.index)
        return None


def _is_block(node: Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _is_text_block(node: Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")


def _is_flow_list(node: Node, value: Any) -> bool:
    return isinstance(node, yaml.SequenceNode) and bool(node.flow_style) and isinstance(value, list)


def _quote_of(node: Node) -> str:
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    return style if style in ("'", '"') else ""


def _nest(path: Path, value: Any) -> Any:
    for part in reversed(path):
        value = {str(part): value}
    return value


def _without_last_break(text: str) -> str:
    return re.sub(r"(\r\n|\r|\n)\Z", "", text)
