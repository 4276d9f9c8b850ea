"""People's YAML, read with the place of every value.

Owns: hostile-safe parsing (size, depth, aliases, tags, duplicate keys, words that YAML parsers disagree on) and where
each value stands. Refuses: what the values mean (that is `validate`) and reading files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from generator.errors import InvalidInput, Violation

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_VALUES = 50_000

Path = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off"))
_UNCLEAR_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|([0-9]+|[0-9]*\.[0-9]*)[eE][-+]?[0-9]+|\.[0-9]+|[0-9]+\.|\.(inf|Inf|INF|nan|NaN|NAN))"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; both count from 1. `raw` is a plain scalar's own text."""

    line: int
    column: int
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document: its data, where each value stands by path from the root, and what was doubtful in it."""

    file: str
    data: Any
    places: Mapping[Path, Place] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    labels: Mapping[Path, str] = field(default_factory=dict)

    def label(self, path: Path) -> str | None:
        """What a request calls the value, where a request gave it: `memoryLimit`, `--memory-limit`."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.labels:
                rest = dotted(path[length:])
                return self.labels[path[:length]] + (f".{rest}" if rest else "")
        return None

    def place(self, path: Path) -> Place:
        """The place of the value, or of the nearest thing around it that has one."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return Place(1, 1)

    def violation(self, path: Path, message: str, fix: str = "", code: str = "") -> Violation:
        """A violation that points at the value."""
        label = self.label(path)
        if label is not None:
            return Violation(message, fix, label, "request", code=code)
        place = self.place(path)
        return Violation(message, fix, dotted(path), self.file, place.line, place.column, code)


def dotted(path: Path) -> str:
    """The path as people write it: `spec.pod.env[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def load_document(content: bytes | str, file: str) -> Document:
    """Parse one YAML document; what is doubtful in it stands in `violations`. InvalidInput where it cannot be read."""
    text = _decode(content, file)
    loader = _Loader(file)
    try:
        data = loader.load(text)
    except yaml.YAMLError as error:
        violations = [*loader.violations, _syntax_violation(error, file, text)]
        raise InvalidInput(f"{file} is not a file revstamp can read", violations=violations) from None
    return Document(file, data, loader.places, tuple(loader.violations))


def _decode(content: bytes | str, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise _unreadable(file, f"is larger than {MAX_BYTES // 1024} KiB", "one endpoint or environment a file")
    if isinstance(content, str):
        return content
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(file, "is not UTF-8 text", "save it as UTF-8", line) from None
    if text.startswith("\ufeff"):
        raise _unreadable(file, "starts with a byte order mark", "save it as UTF-8 without BOM")
    return text


def _unreadable(file: str, message: str, fix: str, line: int = 0) -> InvalidInput:
    violation = Violation(message, fix, file=file, line=line, column=1 if line else 0, code="yaml")
    return InvalidInput(f"{file} {message}", hint=fix, violations=[violation])


def _syntax_violation(error: yaml.YAMLError, file: str, text: str) -> Violation:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        line, column = mark.line + 1, mark.column + 1
    else:
        before = text[: max(getattr(error, "position", 0), 0)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    fix = "check indentation and quotes on this line and the one before"
    return Violation(f"broken YAML: {problem}", fix, "", file, line, column, "yaml")


class _Loader:
    """Builds plain data from parse events and notes where each value stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.violations: list[Violation] = []
        self.places: dict[Path, Place] = {}

    def load(self, text: str) -> Any:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._next = iter(events).__next__
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
        self.violations.append(Violation(message, fix, dotted(path), self.file, place.line, place.column, "yaml"))

    def _value(self, event: Any, path: Path) -> Any:
        place = _place(event)
        self.places[path] = place
        if len(self.places) > MAX_VALUES or len(path) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="too many values or levels", problem_mark=event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._wrong(place, path, f"the alias *{event.anchor} is not allowed", "write the value out")
            return None
        if event.anchor is not None:
            self._wrong(place, path, f"the anchor &{event.anchor} is not allowed", "remove it")
        if event.tag is not None and event.tag != "!":
            self._wrong(place, path, f"the tag {event.tag} is not allowed", "remove it")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, place, path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            place = _place(event)
            key = getattr(event, "value", None)
            if not isinstance(key, str):
                self._wrong(place, path, "a key must be plain text", "write `name: value`")
                key = f"?{len(values)}"
                if not isinstance(event, yaml.AliasEvent):
                    self._value(event, (*path, key))
            if key == "<<":
                self._wrong(place, path, "merge keys are not allowed", "write the values out")
            if key in values:
                first = self.places[(*path, key)].line
                self._wrong(place, (*path, key), f"the key {key!r} stands twice, first in line {first}", "remove one")
            values[key] = self._value(self._next(), (*path, key))
        return values

    def _scalar(self, event: Any, place: Place, path: Path) -> Any:
        text: str = event.value
        if event.style or event.tag == "!":
            return text
        self.places[path] = Place(place.line, place.column, text)
        if text in _NULL:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if _INTEGER.fullmatch(text):
            if len(text) > 19:
                self._wrong(place, path, f"{text[:30]} is too large a number", f'write it as text: "{text[:30]}"')
                return None
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if text.lower() in _WORDS:
            self._wrong(
                place,
                path,
                f"`{text}` is true or false to some YAML parsers and text to others",
                f'write true or false, or "{text}" with quotes',
            )
        elif _UNCLEAR_NUMBER.fullmatch(text):
            self._wrong(
                place,
                path,
                f"`{text}` is a different number to different YAML parsers",
                f'write "{text}" with quotes, or a plain decimal number',
            )
        return text


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
