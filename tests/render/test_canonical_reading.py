"""Claims about the quick way to read canonical YAML: it answers what the strict reader answers, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.render.canonical import emit_yaml
from generator.render.canonical_parse import read_canonical
from generator.render.parse import Builder, YamlProblem

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=12)
KEYS = st.sampled_from(["a", "b", "spec", "revstamp.io/revision", "on", "null", "1", "", "a b"]) | st.text(max_size=6)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
MAPS = st.dictionaries(KEYS, DATA, min_size=1, max_size=4)


def read_strictly(text: str) -> Any:
    """What the strict reader answers; its problem where it refuses the text."""
    try:
        return Builder(text).document()
    except YamlProblem as problem:
        return problem


def written(data: Any) -> str:
    """The canonical text; nothing for data that has none."""
    try:
        return emit_yaml(data)
    except ValueError:
        return ""


def agree(text: str) -> bool:
    """Whether both readers say the same of it, to the type of each value, or the quick one says nothing."""
    found = read_canonical(text)
    return found is None or repr(found) == repr(read_strictly(text))


@given(MAPS)
def test_what_is_written_canonically_is_read_as_the_strict_reader_reads_it(data: dict[str, Any]) -> None:
    """Strings that look like numbers, empty containers, lists in lists."""
    assert agree(written(data))


@given(MAPS, st.data())
def test_no_damage_to_a_text_makes_both_readers_disagree(data: dict[str, Any], draw: st.DataObject) -> None:
    """A line moved, dropped or doubled, a character put in or taken out."""
    lines = written(data).split("\n")
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(lines) - 1))
        line, column = lines[place], draw.draw(st.integers(0, 12))
        change = draw.draw(st.sampled_from(["drop", "double", "in", "out", "put", "cut"]))
        put = draw.draw(
            st.sampled_from([" ", "- ", ":", ": ", '"', "\\", "#", "\t", "{}", "x", "0", "~", "&a ", "!b "])
        )
        lines[place : place + 1] = {
            "drop": [],
            "double": [line, line],
            "in": ["  " + line],
            "out": [line.removeprefix("  ")],
            "put": [line[:column] + put + line[column:]],
            "cut": [line[:column] + line[column + 1 :]],
        }[change] or [""]
    assert agree("\n".join(lines))


NOT_CANONICAL = ["", "\n", "a: 1", "a: 1\n\n", "a:\n", "- a\n", "{}\n", "a: 1\na: 2\n"]
NOT_CANONICAL += ["a: 1.5\n", "a: yes\n", "on: 1\n", "a: 'b'\n", "a: b # c\n", "a: é\n", "a: -0\n"]
NOT_CANONICAL += ["a:\n- b\n", "a:\n    b: 1\n", "a: 1\n  b: 2\n", "a:\n  - - - b\n  c: 1\n", "a: {b: 1}\n"]
NOT_CANONICAL += ['a: "\\ud83d\\ude00"\n', 'a: "\x7f"\n', "a: 9223372036854775808\n", "a: |\n  b\n", "a: &x b\n"]


@pytest.mark.parametrize("text", NOT_CANONICAL)
def test_what_is_not_canonical_is_left_to_the_strict_reader(text: str) -> None:
    """Whether it can read it or not."""
    assert read_canonical(text) is None


def test_a_text_is_read_anew_each_time() -> None:
    """What one reader changes reaches no other."""
    first, second = (read_canonical("a: {}\nb: []\n") for _ in range(2))
    assert first is not None
    first["a"]["x"] = 1
    first["b"].append(1)
    assert second == {"a": {}, "b": []} == read_canonical("a: {}\nb: []\n")


def test_items_of_lists_stand_where_the_strict_reader_sees_them() -> None:
    """Maps and lists as items, and what follows them."""
    data = {"a": [{"b": 1, "c": [[1, [2]], {}, {"d": None}]}, "x", [], ["y"]], "e": {"f": {"g": "1"}}}
    assert read_canonical(emit_yaml(data)) == data


def test_every_rendered_manifest_is_read_the_quick_way(golden_manifests: list[str]) -> None:
    """What it is for: none of them falls back to the strict reader."""
    assert golden_manifests
    for text in golden_manifests:
        assert read_canonical(text) == read_strictly(text)


@pytest.fixture
def golden_manifests(request: pytest.FixtureRequest) -> list[str]:
    """The texts of all golden manifests."""
    folder = request.config.rootpath / "tests" / "golden"
    return [path.read_text() for path in sorted(folder.glob("**/manifests/**/*.yaml"))]
