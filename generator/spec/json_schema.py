"""JSON Schemas of the file formats, for editors and other tools.

Owns: what a schema says beside the models' own: ids, descriptions from the attributes' docstrings. Refuses: checking
files (that is `validate`, which also knows the rules that no schema can say).
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any, Literal

from pydantic import BaseModel

from generator.spec.base import API_VERSION, ecma_pattern
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.names import DNS1035, DNS1123, MAX_ENDPOINT_NAME
from generator.spec.repository_file import RepositoryFile

Kind = Literal["endpoint", "environment", "repository", "stamp"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[BaseModel]] = {
    "endpoint": Endpoint,
    "environment": Environment,
    "repository": RepositoryFile,
}
_DIGEST = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
_REVISION = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}


def schema_id(kind: str) -> str:
    """The address that files of this kind name in their first line."""
    return f"https://revstamp.io/schemas/{API_VERSION.split('/')[1]}/{kind}.json"


def file_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file format. KeyError for a kind that is none of `Kind`."""
    body = _stamp_schema() if kind == "stamp" else _model_schema(_MODELS[kind])
    return {"$schema": DIALECT, "$id": schema_id(kind), **body}


def _model_schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, mode="validation")
    for found in _models_in(model):
        body = schema if found is model else schema["$defs"][found.__name__]
        docs = _field_docs(found)
        for name, info in found.model_fields.items():
            field = body["properties"][info.alias or name]
            field.pop("title", None)
            if field.get("default", "") is None:
                del field["default"]
            if name in docs:
                field["description"] = docs[name]
    return schema


def _models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and every model that its files can hold, each once."""
    waiting, seen = [model], {model}
    while waiting:
        found = waiting.pop()
        yield found
        for info in found.model_fields.values():
            for inner in _models_of_type(info.annotation):
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)


def _models_of_type(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_of_type(part)


def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The string below each field. Read only when a schema is asked for: pydantic's own way costs at every import."""
    return _module_docs(sys.modules[model.__module__]).get(model.__name__, {})


@cache
def _module_docs(module: ModuleType) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(module))
    return {node.name: dict(_docs_in(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_in(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            yield field.target.id, below.value.value


def _stamp_schema() -> dict[str, Any]:
    """The stamp's format; it is no model, its own parser is quicker."""
    properties: dict[str, dict[str, Any]] = {
        "apiVersion": {"const": API_VERSION},
        "kind": {"const": "Stamp"},
        "environment": {"type": "string", "pattern": ecma_pattern(DNS1123), "maxLength": 63},
        "endpoint": {"type": "string", "pattern": ecma_pattern(DNS1035), "maxLength": MAX_ENDPOINT_NAME},
        "revision": {**_REVISION, "description": "The current revision; a number is never used again."},
        "requestId": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"},
        "podRevision": {**_REVISION, "minimum": 0, "description": "The revision that healthy pods carry."},
        "specDigest": {**_DIGEST, "description": "Of the resolved endpoint."},
        "manifestsDigest": {**_DIGEST, "description": "Of the rendered files."},
        "templatesDigest": {**_DIGEST, "description": "Of the templates that they were rendered from."},
        "generator": {"type": "string", "description": "Version of revstamp that rendered them."},
        "restores": {**_REVISION, "description": "The revision that a rollback brought back."},
        "deleted": {"const": True, "description": "A tombstone: the endpoint is gone."},
    }
    return {
        "title": "Stamp",
        "description": "The machine's record of one endpoint's current revision, like a lock file.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in ("restores", "deleted")],
        "additionalProperties": False,
    }
