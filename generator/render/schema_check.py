"""Check objects against the schemas of the cluster they are for, without a cluster.

Owns: finding what the API server would refuse as malformed: unknown fields, missing ones, wrong types and values, and
two items of a list with one key. Refuses: rules between fields (CEL, admission, the API server's own validation),
which need the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.render.schema_catalogue import (
    TITLES,
    KindSchema,
    ListMaps,
    SchemaVersions,
    available_versions,
    kind_schema,
    known_kinds,
    shipped_kinds,
)
from generator.render.schema_wording import Path, SchemaProblem, nearest, show, word_error

__all__ = ["SchemaProblem", "SchemaVersions", "available_versions", "check_manifest"]


def check_manifest(manifest: Mapping[str, Any], versions: SchemaVersions) -> tuple[SchemaProblem, ...]:
    """What is wrong with an object, in the order of the places; empty if nothing is.

    Raises InvalidInput if a version has no schemas. An object of an unknown kind is a problem, not an error.
    """
    file_name = shipped_kinds(versions).get(f"{manifest.get('apiVersion')}/{manifest.get('kind')}")
    if file_name is None:
        return (_word_unknown_kind(manifest, versions),)
    schema = kind_schema(file_name)
    body = manifest if isinstance(manifest, dict) else dict(manifest)
    try:
        if schema.validator.is_valid(body):
            return tuple(find_duplicates(body, schema.list_maps)) if schema.list_maps else ()
        problems = _validate(body, schema)
    except ValueError as error:  # the validator takes JSON only: a date, a set or a number as a field's name
        return tuple(find_foreign_values(body)) or (SchemaProblem((), f"not JSON: {error}", "", "not-json"),)
    return tuple(sorted(problems, key=lambda problem: [_sort_key(step) for step in problem.path]))


def _validate(body: dict[str, Any], schema: KindSchema) -> list[SchemaProblem]:
    problems = [problem for error in schema.validator.iter_errors(body) for problem in word_error(error, schema)]
    if schema.list_maps:
        problems += find_duplicates(body, schema.list_maps)
    mistyped = {problem.path for problem in problems if problem.code == "wrong-type"}
    # a value of the wrong type breaks the rules for its type's values as well; that says nothing new
    return [problem for problem in problems if problem.code != "wrong-value" or problem.path not in mistyped]


def _sort_key(step: str | int) -> tuple[int, str]:
    return (step, "") if isinstance(step, int) else (0, step)


def find_duplicates(value: Any, maps: ListMaps, path: Path = ()) -> Iterator[SchemaProblem]:
    """Items that share their key with an earlier one of the same list, such as two variables of one name."""
    if isinstance(value, dict):
        if maps.fields is not None:
            for name, below in maps.fields.items():
                if name in value:
                    yield from find_duplicates(value[name], below, (*path, name))
        if maps.values is not None:
            for name, item in value.items():
                yield from find_duplicates(item, maps.values, (*path, name))
    elif isinstance(value, list):
        if maps.keys is not None and len(value) > 1:
            yield from _find_repeated_keys(value, maps.keys, path)
        if maps.items is not None:
            for position, item in enumerate(value):
                yield from find_duplicates(item, maps.items, (*path, position))


def _find_repeated_keys(items: list[Any], keys: Mapping[str, Any], path: Path) -> Iterator[SchemaProblem]:
    seen: dict[tuple[Any, ...], int] = {}
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        key = tuple(item.get(field, default) for field, default in keys.items())
        if any(isinstance(part, (dict, list)) for part in key):
            continue  # a wrong type, reported as such
        if key in seen:
            said = ", ".join(f"{field} {show(part)}" for field, part in zip(keys, key, strict=True))
            message = f"{said} occurs twice: items {seen[key]} and {position}"
            yield SchemaProblem((*path, position), message, "keep one of them, or rename one", "duplicate")
        else:
            seen[key] = position


def find_foreign_values(value: Any, path: Path = ()) -> Iterator[SchemaProblem]:
    """Values that JSON cannot hold, as YAML makes them of `2024-01-01` or of a number before a colon."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(name, str):
                yield from find_foreign_values(item, (*path, name))
            else:
                message = f"a field's name must be a string, got {name!r}"
                yield SchemaProblem((*path, str(name)), message, f'quote it: "{name}"', "not-json")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from find_foreign_values(item, (*path, position))
    elif not isinstance(value, (str, int, float, bool, type(None))):
        message = f"a value of type {type(value).__name__} is not JSON"
        yield SchemaProblem(path, message, f'quote it: "{value}"', "not-json")


def _word_unknown_kind(manifest: Mapping[str, Any], versions: SchemaVersions) -> SchemaProblem:
    api_version, kind = manifest.get("apiVersion"), manifest.get("kind")
    for name, value in (("apiVersion", api_version), ("kind", kind)):
        if name not in manifest:
            return SchemaProblem((), f'required field "{name}" is missing', "expected string", "missing-field")
        if not isinstance(value, str):
            return SchemaProblem((name,), f"expected string, got {show(value)}", "", "wrong-type")
    families = known_kinds().get(f"{api_version}/{kind}", frozenset())
    if families:
        title = " or ".join(TITLES[family] for family in sorted(families))
        hint = f"the environment names no {title} version that has it"
        return SchemaProblem(("kind",), f"no schema for {kind}", hint, "unknown-kind")
    by_kind = {name.rpartition("/")[2]: name.rpartition("/")[0] for name in shipped_kinds(versions)}
    if str(kind) in by_kind:
        return SchemaProblem(
            ("apiVersion",),
            f"no schema shipped for {kind} of {api_version}",
            f'did you mean "{by_kind[str(kind)]}"?',
            "unknown-kind",
        )
    found = nearest(str(kind), by_kind)
    hint = f'did you mean "{found}"?' if found else f"there are: {', '.join(sorted(by_kind))}"
    return SchemaProblem(("kind",), f"no schema shipped for {kind}", hint, "unknown-kind")
