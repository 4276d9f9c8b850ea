"""Kubernetes' own parser reads in our YAML just what was written: the same values, of the same types.

`test_canonical` holds the emitter against parsers of Python; what counts in the end is what an API server reads.
"""

from __future__ import annotations

import itertools
import math
import random
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.render.canonical import MAX_DEPTH, MAX_KEY, emit_yaml
from tests.hostile import CORPUS, ENDPOINT, ENVIRONMENT, hostile_files, leaves, with_value
from tests.render.test_canonical import ADVERSARIAL, texts
from tests.testbed.yaml_oracle import YamlOracle

pytestmark = pytest.mark.testbed

TESTS = Path(__file__).resolve().parent.parent
ALPHABET = (
    "0123456789aAbBeEfFxXoOnNyYtTiI.+-_:,~<>=!&*?|'\"%@`#{}[] \t\n\r\\/\x00\x7f\x85\xa0\u2028\u2029\ufeff\u200b한é😀"
)
NUMBERS = ["0", "08", "0o14", "0x1F", "0b11", "1", "12", "1.5", ".5", "1_000", "1:20:30", ".inf", ".nan", "2026-01-01"]
WORDS = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "inf", "nan", "infinity", "<<", "=", "!!str"]
INTEGERS = [0, 1, -1, 7, 8, 9, 10, 60, 0o777, 2**31 - 1, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.1, 1.5, 1e16, 1e21, 1e22, 1e-7, 1e-5, 123456789.125, 2.0**53, 2.0**63, 2.0**64, 1e100,
    5e-324, 1.7976931348623157e308, -1e308, math.pi,
]  # fmt: skip

json_data = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(lambda key: len(key) < 400), inner, max_size=4)
    ),
    max_leaves=20,
)


def describe(value: Any) -> Any:
    """Data in the words of the oracle: every scalar with its type."""
    if isinstance(value, dict):
        return {"map": {key: describe(inner) for key, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [describe(inner) for inner in value]}
    if value is None:
        return ["null", ""]
    if isinstance(value, bool):
        return ["bool", "true" if value else "false"]
    if isinstance(value, int):
        return ["int", str(value)]
    return ["float", value] if isinstance(value, float) else ["string", value]


def with_numbers(typed: Any) -> Any:
    """The oracle's words, with the text of a float as the number that it stands for."""
    if isinstance(typed, dict) and "map" in typed:
        return {"map": {key: with_numbers(inner) for key, inner in typed["map"].items()}}
    if isinstance(typed, dict):
        return {"list": [with_numbers(inner) for inner in typed["list"]]}
    return ["float", float(typed[1])] if typed[0] == "float" else typed


def is_same_json(read: Any, written: Any) -> bool:
    """Whether JSON holds the same, where a whole float may be spelled as an integer, with zeros for lost digits."""
    if isinstance(written, dict):
        return read.keys() == written.keys() and all(is_same_json(read[key], written[key]) for key in written)
    if isinstance(written, list):
        return len(read) == len(written) and all(map(is_same_json, read, written))
    if isinstance(written, float):
        return isinstance(read, int | float) and not isinstance(read, bool) and float(read) == written
    return type(read) is type(written) and bool(read == written)


def check(oracle: YamlOracle, data: Any) -> None:
    """Written, read by Kubernetes, and the same."""
    text = emit_yaml(data)
    reading = oracle.read(text)
    assert not reading.error, f"{reading.error}\n{text}"
    assert with_numbers(reading.typed) == describe(data), text
    assert is_same_json(reading.data, data), text


def test_the_oracle_tells_types_apart(yaml_oracle: YamlOracle) -> None:
    """It must be able to say no: what PyYAML writes for some strings is something else to Kubernetes."""
    assert yaml_oracle.read("[1, 1.0, '1', on, 1e3]").typed == {
        "list": [["int", "1"], ["float", "1"], ["string", "1"], ["bool", "true"], ["float", "1000"]]
    }
    assert yaml_oracle.read(yaml.safe_dump({"a": "1e3"})).data == {"a": 1000}
    assert "already set" in yaml_oracle.read("a: 1\na: 2\n").error


@settings(max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
@given(data=json_data)
def test_any_data_comes_back_the_same(yaml_oracle: YamlOracle, data: Any) -> None:
    """Text with all that YAML gives a meaning to, keys too; numbers up to 64 bits; floats."""
    check(yaml_oracle, data)


def test_hostile_strings_come_back_as_values_and_as_keys(yaml_oracle: YamlOracle) -> None:
    """Alone, in a list, in a map, and as its key."""
    for text in {*ADVERSARIAL, *CORPUS}:
        check(yaml_oracle, text)
        check(yaml_oracle, {"a": [text, {"b": text}], "labels": {"x": text}})
        if len(text) < 400:
            check(yaml_oracle, {text: {text: text}, "limits": {text: 1}})


def test_the_largest_that_is_written_is_read(yaml_oracle: YamlOracle) -> None:
    """The longest keys, the deepest nesting, and texts far beyond any line."""
    check(yaml_oracle, {"k" * MAX_KEY: 1, "한" * (MAX_KEY - 2): 2, "\n" * (MAX_KEY // 2 - 1): 3})
    check(yaml_oracle, {"text": "x" * 300_000, "lines": "a: b\n" * 30_000, "signs": "😀 " * 50_000})
    nested: Any = "end"
    for level in range(MAX_DEPTH):
        nested = [nested] if level % 2 else {"a": nested}
    check(yaml_oracle, nested)


def test_every_short_string_of_the_characters_that_mean_something_comes_back(yaml_oracle: YamlOracle) -> None:
    """All of one and two characters, and some thousand longer ones; many to a document, as keys and as values."""
    chooser = random.Random(11)
    short = ["".join(pair) for length in (1, 2) for pair in itertools.product(ALPHABET, repeat=length)]
    longer = ["".join(chooser.choices(ALPHABET, k=chooser.randint(3, 12))) for _ in range(6000)]
    every = list(dict.fromkeys(short + longer))
    for start in range(0, len(every), 200):
        part = every[start : start + 200]
        check(yaml_oracle, {"values": part, "keys": dict.fromkeys(part, 1)})


def test_words_that_look_like_numbers_and_dates_stay_strings(yaml_oracle: YamlOracle) -> None:
    """Whatever YAML 1.1, YAML 1.2 or Go take for a number, a boolean, a date or a merge."""
    tails = ("", "e3", "E+3", ".", "_1")
    words = [sign + number + tail for sign in ("", "+", "-") for number in NUMBERS for tail in tails]
    words += [form(word) for word in WORDS for form in (str.lower, str.upper, str.title)]
    check(yaml_oracle, {"values": words, "keys": dict.fromkeys(words, "x")})


@pytest.mark.parametrize("number", [*INTEGERS, *FLOATS], ids=repr)
def test_numbers_keep_their_type_and_their_value(yaml_oracle: YamlOracle, number: float) -> None:
    """An integer stays one to the last digit, a float stays one although it is whole."""
    check(yaml_oracle, {"a": number, "b": [number]})


def test_a_thousand_floats_of_any_size_come_back_to_the_last_bit(yaml_oracle: YamlOracle) -> None:
    """Any pattern of 64 bits that is a number."""
    chooser = random.Random(5)
    floats = [struct.unpack("<d", chooser.randbytes(8))[0] for _ in range(1000)]
    check(yaml_oracle, [number for number in floats if math.isfinite(number)])


def test_files_with_a_hostile_text_anywhere_come_back(yaml_oracle: YamlOracle) -> None:
    """Each text of the corpus at some hundred places of an endpoint and an environment."""
    chooser = random.Random(3)
    for data in (ENDPOINT, ENVIRONMENT):
        places = [path for path, value in leaves(data) if isinstance(value, str)]
        for text in CORPUS:
            for path in chooser.sample(places, 5):
                check(yaml_oracle, with_value(data, path, text))
    for case in hostile_files(200):
        check(yaml_oracle, with_value(ENDPOINT, case.path, case.value))


def golden_files() -> list[Path]:
    """All YAML below the golden trees."""
    return sorted((TESTS / "golden").rglob("*.yaml"))


def test_every_golden_file_is_read_alike_by_kubernetes_and_by_us(yaml_oracle: YamlOracle) -> None:
    """What is committed for a cluster means there what it means here."""
    files = golden_files()
    assert len(files) > 20
    for path in files:
        for document in path.read_text(encoding="utf-8").split("\n---\n"):  # as Kubernetes does, before it parses
            reading = yaml_oracle.read(document)
            assert not reading.error, f"{path}: {reading.error}"
            ours = yaml.load(document, Loader=yaml.CSafeLoader)
            assert with_numbers(reading.typed) == describe(ours), path
            assert is_same_json(reading.data, ours), path
