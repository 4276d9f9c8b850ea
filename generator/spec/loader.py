"""The grammar of people's YAML: plain data from parse events, and the place of each value.

Owns: hostile-safe parsing (depth, amount, aliases, tags, duplicate keys, words that YAML parsers disagree on).
Refuses: decoding and size (that is `document`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml

from generator.errors import Violation
from generator.spec.place import Path, Place, dotted
from generator.spec.scalars import UNCLEAR_NUMBER, WORDS, read_plain
from generator.spec.text import LARGEST_INTEGER, shown

MAX_DEPTH = 40
MAX_VALUES = 20_000
MAX_DOUBTS = 100
"""Doubts beyond this number are not told: the file is not one that a person meant."""


class Loader:
    """Builds plain data from parse events and notes where each value and each key stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.violations: list[Violation] = []
        self.places: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self._count = 0

    def load(self, text: str) -> Any:
        """The data of the one document. yaml.YAMLError where the text is no YAML, or too much of it."""
        parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        try:
            return self._document(parser.get_event)
        finally:
            parser.dispose()

    def _document(self, get_event: Callable[[], Any]) -> Any:
        self._next = get_event
        self._next()  # stream start
        if isinstance(self._next(), yaml.StreamEndEvent):
            self._wrong(Place(1, 1), (), "is empty", "see `revstamp new --help`")
            return None
        data = self._value(self._next(), ())
        self._next()  # document end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._wrong(_place(event), (), "holds more than one document", "one document a file: remove `---`")
        return data

    def _wrong(self, place: Place, path: Path, message: str, fix: str) -> None:
        if len(self.violations) < MAX_DOUBTS:
            self.violations.append(Violation(message, fix, dotted(path), self.file, place.line, place.column, "yaml"))

    def _value(self, event: Any, path: Path) -> Any:
        kind, place = type(event), _place(event)
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="too many values or levels", problem_mark=event.start_mark)
        if kind is yaml.ScalarEvent:
            self.places[path] = place
            if event.anchor is not None or event.tag is not None:
                self._check_properties(event, place, path)
            return self._scalar(event, place, path)
        if kind is yaml.AliasEvent:
            self.places[path] = place
            self._wrong(place, path, f"the alias *{event.anchor} is not allowed", "write the value out")
            return None
        self.places[path] = place if event.flow_style else self.keys.get(path, place)
        self._check_properties(event, place, path)
        return self._mapping(path) if kind is yaml.MappingStartEvent else self._sequence(path)

    def _check_properties(self, event: Any, place: Place, path: Path) -> None:
        """Anchors and tags: what makes a value something else than what stands there."""
        if event.anchor is not None:
            self._wrong(place, path, f"the anchor &{event.anchor} is not allowed", "remove it")
        if event.tag is not None and event.tag != "!":
            self._wrong(place, path, f"the tag {shown(event.tag)} is not allowed", "remove it")

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            place = _place(event)
            key = self._key(event, place, path, len(values))
            here = (*path, key)
            if key in values:
                message = f"the key {shown(key)} stands twice, first in line {self.keys[here].line}"
                self._wrong(place, here, message, "remove one")
            else:
                self.keys[here] = place
            values[key] = self._value(self._next(), here)
        return values

    def _key(self, event: Any, place: Place, path: Path, index: int) -> str:
        """A key's text; one that is no text, or not to every parser, is doubted."""
        if type(event) is not yaml.ScalarEvent:
            self._wrong(place, path, "a key must be plain text", "write `name: value`")
            if not isinstance(event, yaml.AliasEvent):
                self._value(event, (*path, f"?{index}"))
            return f"?{index}"
        key: str = event.value
        if event.anchor is not None or event.tag is not None:
            self._check_properties(event, place, (*path, key))
        if event.style:
            return key
        if key == "<<":
            self._wrong(place, (*path, key), "merge keys are not allowed", "write the values out")
        elif not _is_text(key):
            fix = f'write "{key}" with quotes' if key else "write `name: value`"
            self._wrong(place, (*path, key), f"the key `{key}` is not text to every YAML parser", fix)
        return key

    def _scalar(self, event: Any, place: Place, path: Path) -> Any:
        text: str = event.value
        if event.style or event.tag == "!":
            return text
        self.places[path] = Place(place.line, place.column, text)
        value = read_plain(text)
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            self._wrong(place, path, f"{text[:30]} is too large a number", f'write it as text: "{text[:30]}"')
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._wrong(place, path, f"{text[:30]} is too large a number", "write a smaller one")
            return None
        if isinstance(value, str):
            self._check_unclear(text, place, path)
        return value

    def _check_unclear(self, text: str, place: Place, path: Path) -> None:
        if text.lower() in WORDS:
            message = f"`{text}` is true or false to some YAML parsers and text to others"
            self._wrong(place, path, message, f'write true or false, or "{text}" with quotes')
        elif len(text) <= 100 and UNCLEAR_NUMBER.fullmatch(text):
            message = f"`{text}` is a different number to different YAML parsers"
            self._wrong(place, path, message, f'write "{text}" with quotes, or a plain decimal number')


@lru_cache(maxsize=4096)
def _is_text(key: str) -> bool:
    """Whether an unquoted key is text to every parser. Cached: the names of fields are few and the same everywhere."""
    return key.lower() not in WORDS and isinstance(read_plain(key), str)


def _place(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1)
