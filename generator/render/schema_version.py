"""Which version made the definition that a cluster serves, told by its fields.

Owns: comparing the fields of a served OpenAPI document with those of the shipped schemas. Refuses: asking the cluster.
Patch releases of one minor version have the same fields; two minor versions may, and then both are answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.render.schema_catalogue import SchemaVersions, available_versions, kind_schema, shipped_kinds

Schema = Mapping[str, Any]


def match_kserve_versions(api_version: str, kind: str, components: Mapping[str, Schema]) -> tuple[str, ...]:
    """The KServe versions whose kind has exactly the served fields below `spec`; empty where none has.

    `components`: the schemas of the group's OpenAPI v3 document, by name. A cluster that has only the small
    definition, without fields, matches none.
    """
    root = _find_root(api_version, kind, components)
    served = _list_fields(root, components) if root is not None else frozenset()
    if not served:
        return ()
    versions = available_versions()
    newest = versions["kubernetes"][-1]
    files = {
        each: shipped_kinds(SchemaVersions(newest, each)).get(f"{api_version}/{kind}") for each in versions["kserve"]
    }
    same = {file: _shipped_fields(file) == served for file in set(files.values()) if file is not None}
    return tuple(version for version, file in files.items() if file is not None and same[file])


def _find_root(api_version: str, kind: str, components: Mapping[str, Schema]) -> Schema | None:
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    for schema in components.values():
        if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
            return schema
    return None


def _shipped_fields(file: str) -> frozenset[str]:
    schema = kind_schema(file)
    return _list_fields(schema.root, schema.definitions)


def _list_fields(root: Schema, definitions: Mapping[str, Schema]) -> frozenset[str]:
    """Every path below `spec`, such as `.predictor.containers[].image`."""
    spec = (root.get("properties") or {}).get("spec") or {}
    return frozenset(_walk(spec, definitions, "", frozenset()))


def _walk(node: Schema, definitions: Mapping[str, Schema], path: str, seen: frozenset[str]) -> Iterator[str]:
    name = _referred(node)
    if name:
        if name in seen:
            return  # a schema inside itself
        seen, node = seen | {name}, definitions.get(name) or {}
    for field, child in (node.get("properties") or {}).items():
        yield f"{path}.{field}"
        yield from _walk(child, definitions, f"{path}.{field}", seen)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        child = node.get(key)
        if isinstance(child, Mapping):
            yield from _walk(child, definitions, path + mark, seen)


def _referred(node: Schema) -> str:
    """The name of the schema that a node refers to: alone, or in an `allOf` of one, as API servers write it."""
    parts = [node, *(node.get("allOf") or ())]
    return next((str(part["$ref"]).rpartition("/")[2] for part in parts if "$ref" in part), "")
