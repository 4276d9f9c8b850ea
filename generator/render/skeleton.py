"""The shape of a template's text, parsed once, and filled with the values of each endpoint.

Owns: putting values where their tokens stand. A token alone is the value itself: a number, a map, a list; a token
inside other text or inside quotes is text. What is empty (none, an empty map or list) leaves its key or item out, and
so does a map or list all of whose content was left out, since the API server drops empty fields and every comparison
would drift. Refuses: rendering the text (`engine`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generator.render.canonical import MAX_DEPTH
from generator.render.parse import Builder, YamlProblem
from generator.render.sandbox import CLOSE, OPEN

MAX_ITEMS = 10_000
"""Entries of maps and lists in one value."""

_TOKEN = re.compile(f"{OPEN}([0-9]{{1,6}}){CLOSE}")
_LEFT_OUT: Any = object()


@dataclass(frozen=True, slots=True)
class Value:
    """A token alone: the value with this number, as it is."""

    number: int
    line: int


@dataclass(frozen=True, slots=True)
class Words:
    """Text with tokens in it: literal pieces (str) and numbers of values (int), in turn."""

    parts: tuple[str | int, ...]
    line: int


class _SkeletonBuilder(Builder):
    """Reads tokens as what they stand for; keys with tokens are always text."""

    def scalar(self, event: Any) -> Any:
        if OPEN not in event.value:
            return super().scalar(event)
        line = event.start_mark.line + 1
        whole = _TOKEN.fullmatch(event.value)
        if whole and not event.style:
            return Value(int(whole[1]), line)
        pieces = _TOKEN.split(event.value)
        return Words(tuple(int(piece) if at % 2 else piece for at, piece in enumerate(pieces)), line)

    def key(self, value: Any, event: Any) -> Any:
        if isinstance(value, Value):
            return Words((value.number,), value.line)
        return value if isinstance(value, Words) else super().key(value, event)


def parse_skeleton(text: str) -> Any:
    """The shape of a text with tokens. YamlProblem where it is not strict YAML."""
    return _SkeletonBuilder(text).document()


def fill_skeleton(shape: Any, values: Sequence[Any]) -> Any:
    """JSON data: the shape with its values. YamlProblem (with the text's line) where a value cannot stand there."""
    data = _fill(shape, values)
    return None if data is _LEFT_OUT else data


def _fill(shape: Any, values: Sequence[Any]) -> Any:
    kind = type(shape)
    if kind is Value:
        value = _value(shape, values)
        return _plain(value, shape.line) if value or isinstance(value, str | int | float) else _LEFT_OUT
    if kind is dict:
        return _fill_map(shape, values)
    if kind is list:
        return _fill_list(shape, values)
    if shape is None:
        return _LEFT_OUT
    if kind is Words:
        return _text(shape, values)
    return shape


def _fill_map(shape: dict[Any, Any], values: Sequence[Any]) -> Any:
    filled: dict[str, Any] = {}
    for key, inner in shape.items():
        value = _fill(inner, values)
        if value is _LEFT_OUT:
            continue
        if type(key) is Words:
            name = _text(key, values)
            if name in filled:
                raise YamlProblem(f"the key {name!r} is there twice", key.line, hint="remove one of them")
            filled[name] = value
        else:
            filled[key] = value
    return filled if filled or not shape else _LEFT_OUT


def _fill_list(shape: list[Any], values: Sequence[Any]) -> Any:
    filled = [value for inner in shape if (value := _fill(inner, values)) is not _LEFT_OUT]
    return filled if filled or not shape else _LEFT_OUT


def _value(slot: Value, values: Sequence[Any]) -> Any:
    try:
        return values[slot.number]
    except IndexError:
        message = f"the private-use character U+{ord(OPEN):04X} cannot stand here"
        raise YamlProblem(message, slot.line, hint="remove the character") from None


def _text(words: Words, values: Sequence[Any]) -> str:
    """The pieces joined; only text and whole numbers can be part of a text."""
    pieces: list[str] = []
    for part in words.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = _value(Value(part, words.line), values)
        if isinstance(value, bool) or not isinstance(value, str | int):
            problem = f"{_describe(value)} cannot be part of a text or a key"
            raise YamlProblem(problem, words.line, hint="write the value alone, without quotes and other text")
        pieces.append(str(value))
    text = "".join(pieces)
    _check_text(text, words.line)
    return text


def _plain(value: Any, line: int, left: list[int] | None = None, depth: int = 0) -> Any:
    """The value as JSON data of its own types; templates may hand over anything that Jinja can make.

    `left` counts items down: a list that holds another twice, which holds another twice, is small until it is copied.
    """
    if isinstance(value, str):
        _check_text(value, line)
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    if depth < MAX_DEPTH and isinstance(value, dict | list | tuple):
        left = left or [MAX_ITEMS]
        left[0] -= len(value)
        if left[0] < 0:
            raise YamlProblem(f"more than {MAX_ITEMS:,} items in one value", line, hint="make it smaller")
        if isinstance(value, dict):
            return {_plain_key(key, line): _plain(item, line, left, depth + 1) for key, item in value.items()}
        return [_plain(item, line, left, depth + 1) for item in value]
    raise YamlProblem(f"{_describe(value)} cannot be written", line, hint="write text, whole numbers, maps and lists")


def _plain_key(key: Any, line: int) -> str:
    if not isinstance(key, str):
        raise YamlProblem(f"{_describe(key)} cannot be a key", line, hint="make it a string")
    _check_text(key, line)
    return key


def _check_text(text: str, line: int) -> None:
    """Lone surrogates have no form in UTF-8, so neither in YAML."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise YamlProblem("a lone surrogate cannot be written", line, hint="remove the character") from None


def _describe(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value}" if isinstance(value, int | float) else f"a {type(value).__name__}"
