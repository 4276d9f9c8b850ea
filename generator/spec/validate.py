"""From a parsed document to a typed value, with every violation at its place.

Owns: turning pydantic's findings into sentences for people. Refuses: rules between fields (that is `rules`).
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from generator.errors import InvalidInput, Violation
from generator.spec.base import Model
from generator.spec.document import Document, Path, dotted, load_document
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.environment_rules import check_environment
from generator.spec.repository_file import RepositoryFile
from generator.spec.text import shown

M = TypeVar("M", bound=Model)
MAX_VIOLATIONS = 100

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
    "tuple_type": "a list",
    "list_type": "a list",
}
_TEXTS = {
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "does not match the pattern {pattern}",
}


def load_endpoint(content: bytes | str, file: str) -> tuple[Endpoint, Document]:
    """Read an endpoint file. InvalidInput carries all violations of the file at once."""
    return _load(Endpoint, content, file)


def load_environment(content: bytes | str, file: str) -> tuple[Environment, Document]:
    """Read an environment file. InvalidInput carries all violations of the file at once."""
    environment, document = _load(Environment, content, file)
    violations = check_environment(environment, document)
    if violations:
        raise InvalidInput(f"{file} contradicts itself", violations=violations)
    return environment, document


def load_repository_file(content: bytes | str, file: str) -> tuple[RepositoryFile, Document]:
    """Read `revstamp.yaml`. InvalidInput carries all violations of the file at once."""
    return _load(RepositoryFile, content, file)


def _load(model: type[M], content: bytes | str, file: str) -> tuple[M, Document]:
    document = load_document(content, file)
    return validate_document(model, document), document


def validate_document(model: type[M], document: Document) -> M:
    """The typed value of a document. InvalidInput carries all violations, each with its place."""
    kind = model.__name__.removesuffix("File")
    article = "an" if kind[0] in "AEIOU" else "a"
    doubtful = list(document.violations)
    if not isinstance(document.data, Mapping):
        if not doubtful:
            doubtful = [document.violation((), f"{article} {kind} is a mapping", f"start with `kind: {kind}`")]
        raise InvalidInput(f"{document.file} is not {article} {kind}", violations=doubtful)
    try:
        value = model.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        known = {violation.path for violation in doubtful}
        found = violations_of(error, model, document)
        doubtful += [violation for violation in found if violation.path not in known]
    else:
        if not doubtful:
            return value
    doubtful.sort(key=lambda violation: (violation.line, violation.column, violation.path))
    raise InvalidInput(f"{document.file} is not a valid {kind}", violations=doubtful)


def violations_of(error: ValidationError, model: type[BaseModel], document: Document) -> list[Violation]:
    """One violation for each of pydantic's findings, in the order of the file; beyond 100 only their number."""
    items = error.errors(include_url=False)
    found = [_violation(item, model, document) for item in items[:MAX_VIOLATIONS]]
    found.sort(key=lambda violation: (violation.line, violation.column, violation.path))
    if len(items) > MAX_VIOLATIONS:
        found.append(document.violation((), f"{len(items) - MAX_VIOLATIONS} more fields are wrong", "", "invalid"))
    return found


def _violation(item: Mapping[str, Any], model: type[BaseModel], document: Document) -> Violation:
    kind, location = item["type"], item["loc"]
    context = item.get("ctx") or {}
    if kind in ("extra_forbidden", "missing"):
        name, path = location[-1], (*_data_path(location[:-1], document), location[-1])
        if kind == "missing":
            return document.violation(path, f"the field {name!r} is missing", f"add `{name}:`", "missing")
        fix = suggest_field(model, path)
        return document.violation(path, f"unknown field {shown(name)}", fix, "unknown-field", at_key=True)
    path = _data_path(location, document)
    if kind == "revstamp":
        return document.violation(path, context["message"], context["fix"], "invalid")
    message, fix = _say_type(kind, context, item, document.places.get(path))
    return document.violation(path, message, fix, "invalid")


def _say_type(kind: str, context: Mapping[str, Any], item: Mapping[str, Any], place: Any) -> tuple[str, str]:
    value = item.get("input")
    if kind in _TYPES:
        raw = getattr(place, "raw", None)
        fix = f'write "{raw}" with quotes' if kind == "string_type" and raw not in (None, "") else ""
        return f"must be {_TYPES[kind]}, not {_describe(value)}", fix
    if kind == "literal_error":
        allowed = context.get("expected", "")
        names = allowed.replace("'", "").replace(" or ", ", ").split(", ")
        near = difflib.get_close_matches(value[:100], names, 1) if isinstance(value, str) else []
        return f"{shown(value)} is not one of {allowed}", f"did you mean {near[0]!r}?" if near else ""
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return f"{shown(value)} is {'below' if 'ge' in context else 'above'} {bound}", ""
    if kind in _TEXTS:
        return _TEXTS[kind].format(**context), "write it, or leave the field out" if kind == "string_too_short" else ""
    return str(item["msg"]).replace("Input should", "should"), ""


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else shown(value)


def _data_path(location: Sequence[str | int], document: Document) -> Path:
    """pydantic's location without the marks of its own (`[key]`) that are no places in the data."""
    path: Path = ()
    value: Any = document.data
    for part in location:
        in_list = isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
        if in_list or (isinstance(value, Mapping) and part in value):
            value, path = value[part], (*path, part)
    return path


def suggest_field(model: type[BaseModel], path: Path) -> str:
    """The nearest known field beside the unknown one, or the list of those there are."""
    target = _model_at(model, path[:-1])
    names = known_fields(target) if target else ()
    near = difflib.get_close_matches(str(path[-1])[:100], names, 1, 0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(names)}" if names else ""


def check_field(model: type[BaseModel], path: Path) -> None:
    """InvalidInput where no file of this format has such a field; below a free-form mapping every name may stand."""
    for depth, part in enumerate(path):
        target = _model_at(model, path[:depth])
        if target is None:
            return
        if part not in known_fields(target):
            hint = suggest_field(model, path[: depth + 1])
            raise InvalidInput(f"there is no field {shown(dotted(path))}", hint=hint)


@cache
def known_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The names that files use for the model's fields."""
    return tuple(info.alias or name for name, info in model.model_fields.items())


def _model_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    for part in path:
        if model is None:
            return None
        if isinstance(part, int):
            continue
        info = next((i for name, i in model.model_fields.items() if part in (name, i.alias)), None)
        if info is not None:
            model = _model_in(info.annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return _model_in(annotation.__value__)
    if get_origin(annotation) in (typing.Union, types.UnionType, tuple, dict, typing.Annotated):
        return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
    return None
