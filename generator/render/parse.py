"""Strict reading of the YAML that templates make and of the manifests that revstamp wrote.

Owns: `parse_yaml`, `load_yaml` and `find_line`. Refuses: whatever two YAML parsers may read differently: duplicate
keys, anchors and aliases, tags, merge keys, several documents, plain scalars such as `on`, `0o14` or `1e3`, floats,
dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from yaml import events

from generator.errors import InvalidInput
from generator.render.canonical_parse import read_canonical

MAX_DEPTH = 64

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_CONSTANTS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NUMBER_LIKE = re.compile(
    r"[-+.]?[0-9][0-9a-fA-FxXoO_.:eE+-]*|[-+]?\.(inf|nan)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?|=|<<",
    re.IGNORECASE,
)


class YamlProblem(ValueError):
    """What is wrong with a YAML text; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint


def parse_yaml(text: str) -> Any:
    """JSON data of one YAML document; YamlProblem, which is a ValueError, where it is not strict."""
    known = read_canonical(text)
    return Builder(text).document() if known is None else known


def load_yaml(content: bytes, file: str) -> Any:
    """The same of a file's content; InvalidInput that names the file and the line where it is not strict."""
    try:
        return parse_yaml(content.decode())
    except YamlProblem as problem:
        raise InvalidInput(f"{file}:{problem.line}: {problem.message}", hint=problem.hint) from problem
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{file} is not UTF-8 text") from problem


def find_line(text: str, path: Sequence[str | int]) -> int:
    """The line of the key or item that `path` leads to, or of its nearest parent; counted from 1."""
    builder = Builder(text)
    builder.document()
    wanted = tuple(path)
    while wanted and wanted not in builder.lines:
        wanted = wanted[:-1]
    return builder.lines.get(wanted, 1)


def resolve_plain(text: str, line: int, column: int) -> Any:
    """The value of a plain scalar where all parsers agree on it."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if text.lower() in _WORDS or _NUMBER_LIKE.fullmatch(text):
        raise YamlProblem(
            f"{text!r} means different things to different YAML parsers", line, column, "put it in quotes"
        )
    return text


class Builder:
    """Builds data from libyaml's events, which tell anchors, tags and styles that a loader hides."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[tuple[str | int, ...], int] = {}

    def document(self) -> Any:
        """The data of the only document."""
        try:
            stream = yaml.parse(self.text, Loader=_Loader)
            next(stream)
            event = next(stream)
            if isinstance(event, events.StreamEndEvent):
                return None
            data = self._node(next(stream), stream, ())
            next(stream)
            if not isinstance(event := next(stream), events.StreamEndEvent):
                raise _problem(event, "more than one YAML document", "one template makes one object")
            return data
        except yaml.MarkedYAMLError as error:
            mark: Any = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise YamlProblem(error.problem or "not YAML", line, column) from error
        except yaml.reader.ReaderError as error:
            line = self.text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
            raise YamlProblem(f"a character that YAML does not allow ({error.reason})", line) from error

    def _node(self, event: Any, stream: Iterator[Any], path: tuple[str | int, ...]) -> Any:
        if len(path) > MAX_DEPTH:
            raise _problem(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, events.AliasEvent) or event.anchor:
            raise _problem(event, "anchors and aliases are not taken", "write the value out")
        if event.tag is not None:
            raise _problem(event, f"the tag {event.tag} is not taken", "remove it")
        if isinstance(event, events.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(stream, path)
        return self._mapping(stream, path)

    def scalar(self, event: Any) -> Any:
        """The value of one scalar."""
        if event.style:
            return event.value
        return resolve_plain(event.value, event.start_mark.line + 1, event.start_mark.column + 1)

    def key(self, value: Any, event: Any) -> Any:
        """A key as it is kept; problems where it is no string."""
        if not isinstance(value, str):
            raise _problem(event, f"the key {event.value!r} is not a string", "put it in quotes")
        return value

    def _sequence(self, stream: Iterator[Any], path: tuple[str | int, ...]) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(stream), events.SequenceEndEvent):
            here = (*path, len(items))
            self.lines[here] = _line(event)
            items.append(self._node(event, stream, here))
        return items

    def _mapping(self, stream: Iterator[Any], path: tuple[str | int, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(stream), events.MappingEndEvent):
            if not isinstance(event, events.ScalarEvent):
                raise _problem(event, "a key must be a string")
            key = self.key(self._node(event, stream, path), event)
            if key in data:
                raise _problem(event, f"the key {key!r} is there twice", "remove one of them")
            here = (*path, key)
            self.lines[here] = _line(event)
            data[key] = self._node(next(stream), stream, here)
        return data


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _problem(event: Any, message: str, hint: str = "") -> YamlProblem:
    mark: Any = event.start_mark
    return YamlProblem(message, mark.line + 1, mark.column + 1, hint)
