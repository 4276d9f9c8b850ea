"""Claims about strict reading: what two parsers may read differently is refused, with its line."""

from __future__ import annotations

import pytest

from generator.render.parse import YamlProblem, find_line, parse_yaml


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "twice"),
        ("a: &x [1]\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: *x\n", 2, ""),
        ("a: !!str 1\n", 1, "tag"),
        ("a: !foo 1\n", 1, "tag"),
        ("<<: {a: 1}\n", 1, "different"),
        ("a: 1\nb: yes\n", 2, "different"),
        ("a: 012\n", 1, "different"),
        ("a: 1.5\n", 1, "different"),
        ("a: .inf\n", 1, "different"),
        ("a: 2026-01-01\n", 1, "different"),
        ("1: a\n", 1, "not a string"),
        ("? [a]\n: b\n", 1, "string"),
        ("a: 1\n--- \nb: 1\n", 2, "document"),
        ("a: [\n", 2, ""),
        ("a: \x01\n", 1, "character"),
        ("a: 1\n b: 2\n", 2, ""),
    ],
)
def test_what_parsers_read_differently_is_refused_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(YamlProblem) as caught:
        parse_yaml(text)
    assert caught.value.line == line
    assert word in caught.value.message


def test_an_alias_bomb_ends_at_its_first_anchor() -> None:
    bomb = 'a: &a ["x"]\n' + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(9)
    )
    with pytest.raises(YamlProblem) as caught:
        parse_yaml(bomb)
    assert caught.value.line == 1


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(YamlProblem):
        parse_yaml("[" * 100_000)


def test_an_empty_document_is_none() -> None:
    assert parse_yaml("") is None
    assert parse_yaml("# only a comment\n") is None


def test_a_path_is_found_in_its_text_or_else_its_parent() -> None:
    text = "a: 1\nb:\n  - c: 2\n    d:\n      e: 3\n"
    assert find_line(text, ("b", 0, "d", "e")) == 5
    assert find_line(text, ("b", 0, "d", "nope")) == 4
    assert find_line(text, ("nope",)) == 1
