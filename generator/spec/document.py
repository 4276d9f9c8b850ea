"""People's YAML, read with the place of every value.

Owns: decoding, and the parsed document whose violations point into its file. Refuses: the grammar (that is `loader`),
what the values mean (that is `validate`) and reading files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from generator.errors import InvalidInput, Violation
from generator.spec.loader import Loader
from generator.spec.place import Path as Path
from generator.spec.place import Place as Place
from generator.spec.place import dotted as dotted

MAX_BYTES = 1024 * 1024

_UNSEEN = re.compile("[\x85\u2028\u2029\ufeff]")
"""Characters that some YAML parsers take for a line break, or for nothing at all, and people do not see."""


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document: its data, where each value stands by path from the root, and what was doubtful in it.

    A value's place is its own, or its key's where it is a block of lines; `keys` are the places of all keys. `labels`
    say what a request calls the values that it set.
    """

    file: str
    data: Any
    places: Mapping[Path, Place] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    labels: Mapping[Path, str] = field(default_factory=dict)
    keys: Mapping[Path, Place] = field(default_factory=dict)

    def at(self, path: Path) -> Any:
        """The value at a path of keys, None where there is none."""
        value: Any = self.data
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

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

    def violation(self, path: Path, message: str, fix: str = "", code: str = "", *, at_key: bool = False) -> Violation:
        """A violation that points at the value, or at its key."""
        label = self.label(path)
        if label is not None:
            return Violation(message, fix, label, "request", code=code)
        place = (self.keys.get(path) if at_key else None) or self.place(path)
        return Violation(message, fix, dotted(path), self.file, place.line, place.column, code)


def load_document(content: bytes | str, file: str) -> Document:
    """Parse one YAML document; what is doubtful in it stands in `violations`. InvalidInput where it cannot be read."""
    text = _decode(content, file)
    loader = Loader(file)
    try:
        data = loader.load(text)
    except yaml.YAMLError as error:
        violations = [*loader.violations, _syntax_violation(error, file, text)]
        raise InvalidInput(f"{file} is not a file revstamp can read", violations=violations) from None
    return Document(file, data, loader.places, tuple(loader.violations), keys=loader.keys)


def _decode(content: bytes | str, file: str) -> str:
    """The text. InvalidInput where it is too large, in another encoding, or holds what an editor does not show."""
    if len(content) > MAX_BYTES:
        raise _unreadable(file, f"is larger than {MAX_BYTES // 1024} KiB", "one endpoint or environment a file")
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        text.encode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _unreadable(file, "is not UTF-8 text", "save it as UTF-8", line) from None
    except UnicodeEncodeError as error:
        line = str(error.object).count("\n", 0, error.start) + 1
        raise _unreadable(file, "holds half a character", "save it as UTF-8", line) from None
    if text.startswith("\ufeff"):
        raise _unreadable(file, "starts with a byte order mark", "save it as UTF-8 without BOM", 1)
    unseen = _UNSEEN.search(text)
    if unseen is not None:
        line = text.count("\n", 0, unseen.start()) + 1
        message = f"holds the invisible character U+{ord(unseen[0]):04X}"
        raise _unreadable(file, message, "remove it", line, unseen.start() - text.rfind("\n", 0, unseen.start()))
    return text


def _unreadable(file: str, message: str, fix: str, line: int = 0, column: int = 1) -> InvalidInput:
    violation = Violation(message, fix, file=file, line=line, column=column if line else 0, code="yaml")
    return InvalidInput(f"{file} {message}", hint=fix, violations=[violation])


def _syntax_violation(error: yaml.YAMLError, file: str, text: str) -> Violation:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        line, column = mark.line + 1, mark.column + 1
    else:  # the reader counts bytes
        before = text.encode()[: max(getattr(error, "position", 0), 0)].decode("utf-8", "ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    fix = "check indentation and quotes on this line and the one before"
    return Violation(f"broken YAML: {problem}", fix, "", file, line, column, "yaml")
