"""The schemas that are shipped, by version and kind.

Owns: which versions there are, and the compiled schema of a kind, read and compiled once a process and only when
asked for. Refuses: what an object's mistakes are called (`schema_wording`) and where schemas come from
(`scripts/generate_schemas.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from generator.errors import InvalidInput

if TYPE_CHECKING:
    import jsonschema_rs

Schema = dict[str, Any]

# The families of the index, as SchemaVersions and people's messages call them.
FAMILIES = MappingProxyType({"kubernetes": "kubernetes", "kserve": "kserve", "gateway-api": "gateway_api"})
TITLES = MappingProxyType({"kubernetes": "Kubernetes", "kserve": "KServe", "gateway-api": "Gateway API"})
_REFERENCE = "#/definitions/"
_FOLDER = Path(__file__).parent / "schemas"


@dataclass(frozen=True)
class SchemaVersions:
    """What a cluster runs. Patch releases, a leading v and vendors' suffixes are accepted: `v1.36.3-gke.1` is 1.36.

    A family that is None is not installed there: its kinds are problems.
    """

    kubernetes: str
    kserve: str | None = None
    gateway_api: str | None = "1.7"


@dataclass(frozen=True)
class ListMaps:
    """Where below a place lists are that the API server treats as maps: it refuses two items with one key."""

    keys: Mapping[str, Any] | None = None  # of this list: field → the value that a missing one stands for
    fields: Mapping[str, ListMaps] | None = None
    items: ListMaps | None = None
    values: ListMaps | None = None  # of a free-form map


class KindSchema:
    """The schema of one kind in one version."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.definitions: Mapping[str, Schema] = root.get("definitions", {})

    @cached_property
    def validator(self) -> jsonschema_rs.Draft4Validator:
        """Compiled; the linear-time engine reads patterns as Go does, and no string can make it slow."""
        import jsonschema_rs  # 30 ms: only a command that checks something pays for it

        return jsonschema_rs.Draft4Validator(
            self.root, validate_formats=False, offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )

    @cached_property
    def list_maps(self) -> ListMaps | None:
        """The lists to look through for duplicates."""
        return self._find_list_maps(self.root, {})

    def resolve(self, node: Schema) -> Schema:
        """The node, or what it refers to."""
        reference = node.get("$ref")
        return self.definitions[reference.removeprefix(_REFERENCE)] if reference else node

    def at(self, path: tuple[str | int, ...]) -> Schema:
        """The schema of the place in an object that the path leads to; empty where nothing is prescribed."""
        node = self.root
        for step in path:
            node = self.resolve(self._step(node, step))
        return node

    def _step(self, node: Schema, step: str | int) -> Schema:
        if isinstance(step, int):
            child = node.get("items")
        else:
            child = node.get("properties", {}).get(step, node.get("additionalProperties"))
        return child if isinstance(child, dict) else {}

    def _find_list_maps(self, node: Schema, seen: dict[str, ListMaps | None]) -> ListMaps | None:
        reference = node.get("$ref")
        if reference is not None:
            if reference not in seen:
                seen[reference] = None  # a schema inside itself: not followed twice
                seen[reference] = self._find_list_maps(self.resolve(node), seen)
            return seen[reference]
        fields = {}
        for name, child in node.get("properties", {}).items():
            if (found := self._find_list_maps(child, seen)) is not None:
                fields[name] = found
        values = node.get("additionalProperties")
        below = ListMaps(
            keys=node.get("x-list-map-keys"),
            fields=fields or None,
            items=self._find_list_maps(node["items"], seen) if "items" in node else None,
            values=self._find_list_maps(values, seen) if isinstance(values, dict) else None,
        )
        return None if below == ListMaps() else below


def available_versions() -> Mapping[str, tuple[str, ...]]:
    """The minor versions with schemas, oldest first, by the fields of SchemaVersions."""
    return MappingProxyType({field: tuple(_index()[family]) for family, field in FAMILIES.items()})


def shipped_kinds(versions: SchemaVersions) -> Mapping[str, str]:
    """`apiVersion/kind` → schema file, for what the cluster runs.

    Raises InvalidInput for a version that has no schemas: another version's would let wrong objects pass.
    """
    return _shipped_kinds(versions)


def kind_schema(file_name: str) -> KindSchema:
    """The schema in a file; read at the first call only."""
    return _kind_schema(file_name)


def known_kinds() -> Mapping[str, frozenset[str]]:
    """Every `apiVersion/kind` that any version has → the families it belongs to."""
    kinds: dict[str, set[str]] = {}
    for family, versions in _index().items():
        for entry in versions.values():
            for kind in entry["kinds"]:
                kinds.setdefault(kind, set()).add(family)
    return {kind: frozenset(families) for kind, families in kinds.items()}


@cache
def _index() -> dict[str, dict[str, dict[str, Any]]]:
    index: dict[str, dict[str, dict[str, Any]]] = json.loads(_read("index.json"))
    return index


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _kind_schema(file_name: str) -> KindSchema:
    return KindSchema(json.loads(_read(file_name)))


@cache
def _shipped_kinds(versions: SchemaVersions) -> Mapping[str, str]:
    files: dict[str, str] = {}
    for family, field in FAMILIES.items():
        version = getattr(versions, field)
        if version is not None:
            files |= _index()[family][_minor_version(family, version)]["kinds"]
    return MappingProxyType(files)


def _minor_version(family: str, version: str) -> str:
    match = re.match(r"v?(\d+)\.(\d+)(?!\d)", version)
    minor = f"{match[1]}.{match[2]}" if match else ""
    shipped = tuple(_index()[family])
    if minor in shipped:
        return minor
    title = TITLES[family]
    hint = f"schemas are shipped for {title} {', '.join(shipped)}"
    if match:
        wanted = (int(match[1]), int(match[2]))
        nearest = min(shipped, key=lambda name: _distance(name, wanted))
        hint += f"; the nearest is {nearest}"
    raise InvalidInput(f"no schemas for {title} {version!r}", hint=hint)


def _distance(name: str, wanted: tuple[int, int]) -> tuple[int, int]:
    major, minor = (int(part) for part in name.split("."))
    return abs(major - wanted[0]), abs(minor - wanted[1])
