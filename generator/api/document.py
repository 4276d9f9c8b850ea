"""The OpenAPI document: what FastAPI writes, made whole.

Owns: the errors that each kind of route may answer with, in the shape of the route; who may ask. Refuses: what routes
answer where nothing is wrong: they say that themselves.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from generator.api import own_shapes, platform_shapes, requests
from generator.api.own_shapes import Problem
from generator.api.platform_shapes import Fail
from generator.api.problems import is_platform

_WORDS = {
    400: "The body cannot be read",
    401: "Nobody is named, or whoever is named cannot be believed",
    403: "The person may not do this, or a foreign web page asks",
    404: "There is no such thing",
    405: "The path has no such method",
    408: "The body did not arrive in time",
    409: "The rules do not allow it, or another redeployment runs",
    413: "The body is too large",
    415: "The body is no JSON",
    422: "The request is not well formed",
    429: "Too many writes, or streams, of one person",
    500: "A bug of revstamp, or a template that is wrong",
    502: "git or a forge does not do what it should",
    503: "The database or the remote is away; trying again helps",
}
_READ: tuple[int, ...] = (401, 403, 404, 422, 429, 500, 502, 503)
_WRITE: tuple[int, ...] = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503)
_PLATFORM_READ: tuple[int, ...] = (401, 429, 500)
_PLATFORM_WRITE: tuple[int, ...] = (400, 401, 403, 408, 413, 415, 429, 500)
_PROBES = ("/healthz", "/readyz", "/metrics")
_IDENTITY = {
    "userId": {"type": "apiKey", "in": "header", "name": "X-User-Id", "description": "From trusted places only"},
    "userRoles": {"type": "apiKey", "in": "header", "name": "X-User-Roles", "description": "With commas between"},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


def document_of(app: FastAPI) -> dict[str, Any]:
    """The document of all routes that are shown."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        description="Redeploys language-model endpoints on Kubernetes through git.",
        routes=app.routes,
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for model in (Problem, Fail):
        _add_model(schemas, model)
    _add_examples(schemas)
    found["components"]["securitySchemes"] = _IDENTITY
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if path not in _PROBES:
                _add_errors(path, method, operation)
    return found


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    answers: dict[str, Any] = operation["responses"]
    is_read = method == "get"
    if is_platform(path):
        statuses, shape, media = (_PLATFORM_READ if is_read else _PLATFORM_WRITE), "Fail", "application/json"
    else:
        statuses, shape, media = (_READ if is_read else _WRITE), "Problem", "application/problem+json"
        answers.pop("422", None)
    for status in statuses:
        reference = {"schema": {"$ref": f"#/components/schemas/{shape}"}}
        answers[str(status)] = {"description": _WORDS[status], "content": {media: reference}}
    if method == "get" and not is_platform(path) and "ETag" not in answers and "text/event-stream" not in str(answers):
        answers["304"] = {"description": "Nothing has changed since the tag of If-None-Match"}
        answers["200"]["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Tag for If-None-Match"}}
    if not path.endswith("/webhook"):
        operation["security"] = [{"userId": [], "userRoles": []}, {"token": []}]


def _add_examples(schemas: dict[str, Any]) -> None:
    """The models' own: FastAPI takes out of them what is null."""
    for module in (own_shapes, platform_shapes, requests):
        for name, model in vars(module).items():
            if name in schemas and isinstance(model, type) and issubclass(model, BaseModel):
                extra: Any = model.model_config.get("json_schema_extra") or {}
                schemas[name].pop("examples", None)
                if extra.get("examples"):
                    schemas[name]["examples"] = extra["examples"]


def _add_model(schemas: dict[str, Any], model: Any) -> None:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, below in schema.pop("$defs", {}).items():
        schemas.setdefault(name, below)
    schemas.setdefault(model.__name__, schema)
