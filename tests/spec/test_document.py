"""People's YAML is read with places, and hostile YAML is refused with them."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import InvalidInput, Violation
from generator.spec.document import MAX_BYTES, load_document
from tests.spec.factory import refused

UNCLEAR = "1e3 1E-3 0192117 08 0o14 0x1f 0b11 1_000 1:30 12:30:45 .5 5. .inf -.INF .nan +.5e1 1.e3 -012"


def doubts(text: str) -> list[tuple[str, int, int, str]]:
    """Path, line, column and message of everything doubtful in a text."""
    return [(v.path, v.line, v.column, v.message) for v in load_document(text, "f.yaml").violations]


def fault(content: bytes | str) -> Violation:
    """The one violation of content that cannot be read."""
    (violation,) = refused(load_document, content, "f.yaml").violations
    return violation


def error_of(content: bytes | str) -> InvalidInput | None:
    """Why content cannot be read, or None; any other exception fails the test."""
    try:
        load_document(content, "f.yaml")
    except InvalidInput as error:
        return error
    return None


def test_places_are_those_of_an_editor() -> None:
    """Lines and columns count from 1 and characters, not bytes; a block stands where its key does."""
    document = load_document("a: 1\nb:\n  c: [x, yy]\n  d:\n  - '😀': 7\n", "f")
    places = {path: (place.line, place.column) for path, place in document.places.items()}
    assert places[("a",)] == (1, 4)
    assert places[("b",)] == (2, 1)
    assert places[("b", "c")] == (3, 6)
    assert places[("b", "c", 1)] == (3, 10)
    assert places[("b", "d")] == (4, 3)
    assert places[("b", "d", 0, "😀")] == (5, 10)
    assert document.place(("b", "d", 0, "nothing", "there")).line == 5


def test_line_breaks_of_another_system_count_once() -> None:
    """CRLF is one line break: places are the same."""
    unix = load_document("a: 1\n\nb:\n  c: 2\n", "f")
    other = load_document("a: 1\r\n\r\nb:\r\n  c: 2\r\n", "f")
    assert (unix.data, unix.places) == (other.data, other.places)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("~", None), ("", None), ("true", True), ("False", False), ("7", 7), ("-0", 0), ("+5", 5),
        ("1.50", 1.5), ("1.0e3", 1000.0), ("text", "text"), ("2026-08-01", "2026-08-01"), ("v1.2.3", "v1.2.3"),
        ("'7'", "7"), ('"null"', "null"), ("!  7", "7"), ("1.2.3", "1.2.3"), ("a b", "a b"), ("|-\n  7", "7"),
        ("9223372036854775807", 2**63 - 1), ("=", "="), ("1Gi", "1Gi"), ("-rf", "-rf"), (".5x", ".5x"),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    """Numbers are decimal, the core words are the only words, everything else is text."""
    document = load_document(f"a: {text}\n", "f")
    assert (document.data, document.violations) == ({"a": value}, ())
    assert type(document.data["a"]) is type(value)


@pytest.mark.parametrize("word", ["y", "N", "yes", "No", "on", "OFF", "Yes", "oFf"])
def test_words_that_parsers_disagree_on_are_refused(word: str) -> None:
    """Kubernetes reads `on` as true, another parser as text: it must be quoted, or written true."""
    assert doubts(f"a: {word}\n") == [("a", 1, 4, f"`{word}` is true or false to some YAML parsers and text to others")]
    assert doubts(f"a: '{word}'\n") == []


@pytest.mark.parametrize(
    "number",
    UNCLEAR.split(),
)
def test_numbers_that_parsers_disagree_on_are_refused(number: str) -> None:
    """19 of 70 such texts change their type on the way to Kubernetes; each must be quoted or written plainly."""
    assert doubts(f"a: {number}\n") == [("a", 1, 4, f"`{number}` is a different number to different YAML parsers")]


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "1" * 400, "1.0e400", "-9.9e999"])
def test_numbers_that_no_program_holds_are_refused(number: str) -> None:
    """More than 64 bits, or infinity by another name."""
    assert [message for *_, message in doubts(f"a: {number}\n")] == [f"{number[:30]} is too large a number"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ("a", 3, 1, "the key 'a' stands twice, first in line 1")),
        ("a: &x 1\n", ("a", 1, 4, "the anchor &x is not allowed")),
        ("&x a: 1\n", ("a", 1, 1, "the anchor &x is not allowed")),
        ("a: !python/object:os.system 1\n", ("a", 1, 4, "the tag '!python/object:os.system' is not allowed")),
        ("a: !!str 1\n", ("a", 1, 4, "the tag 'tag:yaml.org,2002:str' is not allowed")),
        ("!!map\na: 1\n", ("", 1, 1, "the tag 'tag:yaml.org,2002:map' is not allowed")),
        ("? [a, b]\n: 1\n", ("", 1, 3, "a key must be plain text")),
        ("yes: 1\n", ("yes", 1, 1, "the key `yes` is not text to every YAML parser")),
        ("1: 1\n", ("1", 1, 1, "the key `1` is not text to every YAML parser")),
        ("null: 1\n", ("null", 1, 1, "the key `null` is not text to every YAML parser")),
        ("a: 1\n---\nb: 2\n", ("", 2, 1, "holds more than one document")),
        ("", ("", 1, 1, "is empty")),
        ("# only a comment\n", ("", 1, 1, "is empty")),
    ],
)  # fmt: skip
def test_what_hides_something_is_refused_at_its_place(text: str, expected: tuple[str, int, int, str]) -> None:
    """Duplicate keys, anchors, tags, strange keys and second documents, each with line and column."""
    assert doubts(text) == [expected]


def test_merge_keys_are_refused() -> None:
    """`<<` takes in fields that nobody sees at this place."""
    messages = [message for *_, message in doubts("a: &b {c: 1}\nd:\n  <<: *b\n")]
    assert messages == ["the anchor &b is not allowed", "merge keys are not allowed", "the alias *b is not allowed"]


def test_a_bomb_of_aliases_stays_small() -> None:
    """Nine levels of nine aliases are not multiplied: each alias is refused and means nothing."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    document = load_document("\n".join(lines) + "\n", "bomb.yaml")
    assert len(document.places) < 200
    assert len(document.violations) == 10 + 9 * 9


@pytest.mark.parametrize(
    ("content", "message", "line", "column"),
    [
        (b"a: 1\nb: \xff\xfe\n", "is not UTF-8 text", 2, 1),
        ("a: ä\n".encode("utf-16"), "is not UTF-8 text", 1, 1),
        ("a: x\n".encode("utf-16-le"), "broken YAML: control characters are not allowed", 1, 2),
        ("a: ä\n".encode("latin-1"), "is not UTF-8 text", 1, 1),
        ("\ufeffa: 1\n".encode(), "starts with a byte order mark", 1, 1),
        ("a: x\n\ufeffb: 1\n".encode(), "holds the invisible character U+FEFF", 2, 1),
        ("a: x\u2028b: 1\n".encode(), "holds the invisible character U+2028", 1, 5),
        ("a: x\x85b: 1\n".encode(), "holds the invisible character U+0085", 1, 5),
        ("ä: 😀\nb: \x00\n".encode(), "broken YAML: control characters are not allowed", 2, 4),
        ("a: \x1b[31m\n", "broken YAML: control characters are not allowed", 1, 4),
        ("a: '\ud800'\n", "holds half a character", 1, 1),
        ("a: [1, 2\nb: 3\n", "broken YAML: did not find expected ',' or ']'", 2, 2),
        ("a: 'x\n", "broken YAML: found unexpected end of stream", 2, 1),
        ("a: b: c\n", "broken YAML: mapping values are not allowed in this context", 1, 5),
        ("a:\n\t- 1\n", "broken YAML: found character that cannot start any token", 2, 1),
        ('a: "\\ud800"\n', "broken YAML: found invalid Unicode character escape code", 1, 7),
        ("a: @x\n", "broken YAML: found character that cannot start any token", 1, 4),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_at_its_place(
    content: bytes | str, message: str, line: int, column: int
) -> None:
    """Broken YAML and other encodings: one violation with line and column, no traceback."""
    violation = fault(content)
    assert (violation.message, violation.line, violation.column) == (message, line, column)


def test_a_file_of_fifty_megabytes_is_refused_at_once() -> None:
    """Its size alone is looked at."""
    start = time.perf_counter()
    assert "is larger than 1024 KiB" in fault(b"a: 1\n" * 10_000_000).message
    assert time.perf_counter() - start < 5


MEGABYTE = MAX_BYTES - 20
HEAVY = {
    "brackets": "a: " + "[" * MEGABYTE,
    "braces": "a: " + "{" * MEGABYTE,
    "pairs": "a: " + "{a: " * (MEGABYTE // 4),
    "dashes": "- " * (MEGABYTE // 2),
    "items": "- 1\n" * (MEGABYTE // 4),
    "keys": "".join(f"k{i}: 1\n" for i in range(MEGABYTE // 12)),
    "one key again and again": "a: 1\n" * (MEGABYTE // 5),
    "words": "a: [" + "y," * (MEGABYTE // 2 - 4) + "]",
    "anchors": "a: [" + "&a 1," * (MEGABYTE // 5 - 2) + "]",
    "one scalar": "a: " + "x" * MEGABYTE,
    "one number": "a: " + "1" * MEGABYTE,
    "digits and bars": "a: " + "1_" * (MEGABYTE // 2),
    "colons": "a: " + "1:" * (MEGABYTE // 2 - 4) + "1",
    "one key": "k" * MEGABYTE + ": 1",
    "question marks": "? " * (MEGABYTE // 2),
    "quotes": "a: '" + "''" * (MEGABYTE // 2 - 4) + "'",
    "escapes": 'a: "' + "\\n" * (MEGABYTE // 2 - 4) + '"',
    "comments": "#\n" * (MEGABYTE // 2),
    "blank lines": "a: |\n" + "\n" * (MEGABYTE - 10),
    "folds": "a: >\n" + "  x\n\n" * (MEGABYTE // 5 - 4),
    "tags": "a: !<" + "x" * (MEGABYTE - 10) + "> 1",
    "documents": "---\n" * (MEGABYTE // 4),
    "steps": "".join(" " * i + "a:\n" for i in range(1400)),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_megabyte_of_anything_is_read_or_refused_quickly(name: str) -> None:
    """No form of YAML takes time or memory beyond its size."""
    content = HEAVY[name]
    assert len(content) <= MAX_BYTES
    start = time.process_time()
    error = error_of(content)
    assert error is None or error.violations[0].file == "f.yaml"
    assert time.process_time() - start < 30  # what grows with the square takes many minutes


def test_deep_nesting_is_refused_with_its_place() -> None:
    """Forty levels are more than any file has; Python's own stack is never at risk."""
    assert fault("a: " + "[" * 50 + "]" * 50).message == "broken YAML: too many values or levels"


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No other exception leaves the parser."""
    error = error_of(content)
    assert error is None or error.violations


@given(st.text(alphabet=st.sampled_from("abyn01.:-+_eEx~ \n\t'\"[]{},&*!|>#?%@`é😀\x85"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """YAML's own characters in any order; what reads without a doubt has the same shape for PyYAML."""
    error = error_of(text)
    assert error is None or error.violations
    if error is None and not load_document(text, "f").violations:
        assert _shape(load_document(text, "f").data) == _shape(yaml.load(text, Loader=yaml.CBaseLoader))


def _shape(value: object) -> object:
    """The keys and lists of data; a base loader knows no scalars but text."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else None
