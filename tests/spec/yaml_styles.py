"""People's YAML in all the ways people write it, for tests of editing.

Owns: a hypothesis strategy of (text, data). Refuses: what revstamp's files look like.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

KEYS = ("name", "spec", "cpu", "app.kubernetes.io/name", "max_input_tokens", "käse", "with space", "a:b", "7")
TEXTS = (
    "x",
    "two words",
    "yes",
    "1e3",
    "007",
    "{{ 7*7 }}",
    "a: b # c",
    "😀 日本",
    'say "hi"',
    "it's",
    "- x",
    "# no",
    "",
)
COMMENTS = ("", "", "  # why", " # {a: b}")

scalars: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(TEXTS), st.integers(-(10**6), 10**6), st.booleans(), st.none(), st.sampled_from([0.5, 70.0])
)
plain_data: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, min_size=0, max_size=4)
    ),
    max_leaves=8,
)
roots = st.dictionaries(st.sampled_from(KEYS), plain_data, min_size=1, max_size=5)


@dataclass
class Writer:
    """Writes data with a choice of style at every turn; `choose` draws."""

    draw: Any
    indent: int
    dash: int

    def choose(self, *options: Any) -> Any:
        """One of the options."""
        return self.draw(st.sampled_from(options))

    def mapping(self, data: dict[str, Any], column: int) -> list[str]:
        """A mapping as lines, with comments and blank lines between its entries."""
        lines: list[str] = []
        for key, value in data.items():
            lines += self.choose([], [], [], [""], [" " * column + "# about " + key[:2]])
            lines += self.entry(self.key(key), value, column)
        return lines

    def entry(self, lead: str, value: Any, column: int) -> list[str]:
        """`key:` and its value."""
        start, comment = " " * column + lead, self.choose(*COMMENTS)
        if isinstance(value, dict) and value and self.choose(True, True, False):
            return [f"{start}{comment}", *self.mapping(value, column + self.indent)]
        if isinstance(value, list) and value and self.choose(True, True, False):
            return [f"{start}{comment}", *self.sequence(value, column + self.dash)]
        if isinstance(value, str) and value and "\n" not in value and self.choose(True, False, False, False):
            mark = self.choose("|-", ">-", "|-  # text")
            return [f"{start} {mark}", " " * (column + 2) + value, *self.choose([], [""])]
        text = self.flow(value, in_flow=False)
        gap = self.choose(" ", " ", "   ")
        return [f"{start}{gap}{text}{comment}" if text else f"{start}{comment}"]

    def sequence(self, items: list[Any], column: int) -> list[str]:
        """A list as dashes."""
        lines = []
        for item in items:
            if isinstance(item, dict) and item:
                inner = self.mapping(item, column + 2)
                while not inner[0].strip() or inner[0].strip().startswith("# about"):
                    inner.pop(0)
                lines += [" " * column + "- " + inner[0][column + 2 :], *inner[1:]]
            else:
                lines.append(" " * column + "- " + (self.flow(item, in_flow=False) or "null"))
        return lines

    def flow(self, value: Any, *, in_flow: bool = True) -> str:
        """Data on one line."""
        if isinstance(value, dict):
            end = self.choose("}", " }", ",}") if value else "}"
            inner = ", ".join(f"{self.key(key)} {self.flow(item)}" for key, item in value.items())
            return "{" + inner + end
        if isinstance(value, list):
            return "[" + ", ".join(self.flow(item) for item in value) + "]"
        if isinstance(value, str):
            return self.text(value)
        if value is None:
            return str(self.choose("null", "~", "null" if in_flow else ""))
        return json.dumps(value)

    def text(self, value: str) -> str:
        """Text in one of the quotes that it allows."""
        plain = re.fullmatch(r"[a-zA-Z]\w+( \w+)?", value, re.ASCII) and value not in ("yes",)
        single = "'" + value.replace("'", "''") + "'"
        return str(self.choose(json.dumps(value, ensure_ascii=False), single, *([value, value] if plain else [])))

    def key(self, key: str) -> str:
        """A key with its colon."""
        plain = key not in ("7", "a:b")
        return (key if plain and self.choose(True, True, False) else json.dumps(key, ensure_ascii=False)) + ":"


@st.composite
def documents(draw: Any) -> tuple[str, dict[str, Any]]:
    """Text and what it means; the last line may lack its break, the breaks may be those of another system."""
    data = draw(roots)
    indent = draw(st.sampled_from([2, 2, 4]))
    writer = Writer(draw, indent, draw(st.sampled_from([0, 2, indent])))
    lines = writer.choose([], [], ["# a file", ""], ["---"]) + writer.mapping(data, 0)
    lines += writer.choose([], [], ["# the end"], ["", "..."])
    newline = writer.choose("\n", "\n", "\r\n")
    return newline.join(lines) + writer.choose(newline, newline, ""), data


def paths_of(data: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all values that are reached by keys alone."""
    found = []
    for key, value in data.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found += paths_of(value, (*path, key))
    return found
