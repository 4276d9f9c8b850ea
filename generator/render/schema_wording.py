"""A schema validator's errors in people's words.

Owns: the message and the hint of each kind of mistake. Refuses: finding the mistakes (`schema_check`).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from generator.render.schema_catalogue import KindSchema, Schema

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

Path = tuple[str | int, ...]

_LISTED = 12  # names that a hint lists at most
_DEPTH = 3  # steps downwards within which a misplaced field's home is looked for
_SHOWN = 60  # characters of a value that a message shows at most


@dataclass(frozen=True)
class SchemaProblem:
    """One thing in an object that the cluster would refuse.

    `path` leads to the place (list positions count from 0) and is empty for the object itself. `code` is one of
    unknown-field, missing-field, wrong-type, wrong-value, duplicate, unknown-kind, not-json.
    """

    path: Path
    message: str
    hint: str = ""
    code: str = "wrong-value"

    @property
    def place(self) -> str:
        """The path as people write it: `spec.template.spec.containers[0].image`."""
        return _write_place(self.path)


def word_error(error: ValidationError, schema: KindSchema) -> Iterator[SchemaProblem]:
    """The problems that one error stands for: an error may name several unknown fields."""
    path: Path = tuple(error.instance_path)
    kind, facts = error.kind.name, error.kind.as_dict()
    here = schema.at(path)
    if path == ("status",):
        yield SchemaProblem(path, "status is written by the cluster", "leave the field out", "unknown-field")
    elif kind == "additionalProperties":
        for name in facts["unexpected"]:
            yield _word_unknown(path, name, schema)
    elif kind == "required":
        name = facts["property"]
        yield SchemaProblem(path, f'required field "{name}" is missing', _say_type(schema, here, name), "missing-field")
    elif kind == "type":
        yield _word_type(path, facts["types"], error.instance)
    elif kind in _WORDINGS:
        message, hint = _WORDINGS[kind](facts, error.instance)
        yield SchemaProblem(path, message, hint)
    else:
        yield SchemaProblem(path, f"{show(error.instance)} is not allowed here", _shorten(error.message))


def show(value: Any) -> str:
    """A value as it would stand in JSON, shortened."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _shorten(json.dumps(value, ensure_ascii=False))


def nearest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str | None:
    """The known name that is most like this one, whatever its case; None if none is."""
    by_lower = {item.lower(): item for item in sorted(known)}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _write_place(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _word_unknown(path: Path, name: str, schema: KindSchema) -> SchemaProblem:
    known: Mapping[str, Any] = schema.at(path).get("properties", {})
    if (found := nearest(name, known)) is not None:
        hint = f'did you mean "{found}"?'
    elif (home := _find_home(path, name, schema)) is not None:
        hint = f"it belongs to {_write_place(home) or 'the object itself'}"
    elif not known:
        hint = "no fields are allowed here"
    else:
        hint = f"known here: {', '.join(sorted(known))}" if len(known) <= _LISTED else ""
    return SchemaProblem((*path, name), f'unknown field "{name}"', hint, "unknown-field")


def _find_home(path: Path, name: str, schema: KindSchema) -> Path | None:
    """The nearest object that has such a field: around the place first, then a few steps below what is around it."""
    around = [path[:length] for length in range(len(path), -1, -1)]
    for home in around:
        if name in schema.at(home).get("properties", {}):
            return home
    for start in around:
        level = [start]
        for _ in range(_DEPTH):
            level = [(*place, field) for place in level for field in schema.at(place).get("properties", {})]
            for home in level:
                if name in schema.at(home).get("properties", {}):
                    return home
    return None


def _say_type(schema: KindSchema, here: Schema, name: str) -> str:
    field = schema.resolve(here.get("properties", {}).get(name, {}))
    if options := field.get("enum"):
        return f"one of {_list(options)}"
    types = _type_names(field.get("type", []))
    return f"expected {types}" if types else ""


def _word_type(path: Path, types: list[str], value: Any) -> SchemaProblem:
    got = _type_of(value)
    shown = f" {show(value)}" if isinstance(value, (str, int, float)) else ""
    hint = ""
    if value is None:
        hint = "leave the field out, or give it a value"
    elif "string" in types and not isinstance(value, (dict, list)):
        hint = f'quote it: "{show(value)}"'
    elif isinstance(value, str) and _parses_as(value, types):
        hint = f"write it without quotes: {value}"
    return SchemaProblem(path, f"expected {_type_names(types)}, got {got}{shown}", hint, "wrong-type")


def _parses_as(text: str, types: list[str]) -> bool:
    try:
        return _type_of(json.loads(text)) in types
    except ValueError:
        return False


def _type_of(value: Any) -> str:
    for python, name in ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (dict, "object")):
        if isinstance(value, python):
            return name
    return "null" if value is None else "list"


def _type_names(types: str | list[str]) -> str:
    names = [types] if isinstance(types, str) else [name for name in types if name != "null"]
    return " or ".join("list" if name == "array" else name for name in names)


def _list(options: list[Any]) -> str:
    return ", ".join(show(option) for option in options)


def _word_enum(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    options = facts["options"]
    if len(options) == 1:
        return f"expected {show(options[0])}, got {show(value)}", ""
    texts = tuple(option for option in options if isinstance(option, str))
    found = nearest(value, texts) if isinstance(value, str) else None
    return f"expected one of {_list(options)}, got {show(value)}", f'did you mean "{found}"?' if found else ""


def _word_pattern(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
    pattern = facts["pattern"]
    if "KMGTPE" in pattern:
        return f"{show(value)} is not a quantity", 'such as "500m", "2" or "16Gi"'
    if pattern.startswith("^[A-Za-z0-9+/\\r\\n]*="):
        return "not base64", ""
    return f"{show(value)} has not the form that is asked for", f"it must match {pattern}"


def _count(noun: str, most: bool) -> Callable[[Mapping[str, Any], Any], tuple[str, str]]:
    def word(facts: Mapping[str, Any], value: Any) -> tuple[str, str]:
        limit = facts["limit"]
        plural = noun if limit == 1 else {"entry": "entries"}.get(noun, f"{noun}s")
        bound = "most" if most else "least"
        return f"expected at {bound} {limit} {plural}, got {len(value)}", ""

    return word


def _bound(words: str) -> Callable[[Mapping[str, Any], Any], tuple[str, str]]:
    return lambda facts, value: (f"expected a number {words} {facts['limit']}, got {show(value)}", "")


_WORDINGS: Mapping[str, Callable[[Mapping[str, Any], Any], tuple[str, str]]] = MappingProxyType(
    {
        "enum": _word_enum,
        "pattern": _word_pattern,
        "minimum": _bound("of at least"),
        "maximum": _bound("of at most"),
        "exclusiveMinimum": _bound("above"),
        "exclusiveMaximum": _bound("below"),
        "multipleOf": lambda facts, value: (f"{show(value)} is not a multiple of {facts['multiple_of']}", ""),
        "minLength": _count("character", most=False),
        "maxLength": _count("character", most=True),
        "minItems": _count("item", most=False),
        "maxItems": _count("item", most=True),
        "minProperties": _count("entry", most=False),
        "maxProperties": _count("entry", most=True),
        "uniqueItems": lambda _facts, _value: ("an item occurs twice", "each may stand here once"),
        "anyOf": lambda _facts, value: (f"{show(value)} has none of the forms that are allowed here", ""),
        "oneOf": lambda _facts, value: (f"{show(value)} has not exactly one of the forms that are allowed here", ""),
        "oneOfNotValid": lambda _facts, value: (f"{show(value)} has none of the forms that are allowed here", ""),
        "not": lambda _facts, value: (f"{show(value)} has a form that is not allowed here", ""),
    }
)
