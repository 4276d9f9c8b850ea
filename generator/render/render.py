"""Endpoint to Kubernetes objects: the same endpoint and templates make the same objects, always.

Owns: `render_manifests`. Refuses: revisions and digests (`stamp`), comparing (`diff`), files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.errors import RenderFailed, Violation
from generator.render.context import TEMPLATE_KINDS, RenderInput, describe_endpoint
from generator.render.engine import TemplateSet
from generator.render.manifest import Manifest, ManifestSet
from generator.render.pods import ENDPOINT
from generator.render.schema_check import SchemaVersions, check_manifest
from generator.spec.resolved import ResolvedEndpoint

_MAY_BE_EMPTY = frozenset({"poddisruptionbudget.yaml.j2", "httproute.yaml.j2", "ingress.yaml.j2"})
"""A company may leave these out by a template that makes nothing; the endpoint runs without them."""


def render_manifests(
    endpoint: ResolvedEndpoint, templates: TemplateSet, schemas: SchemaVersions | None = None
) -> ManifestSet:
    """All objects of an endpoint in the order in which they are applied, with no revision in them.

    An endpoint of an external model has none. With `schemas`, every object is checked against them. RenderFailed with
    the template and line of each problem.
    """
    if endpoint.is_external:
        return ManifestSet()
    described = describe_endpoint(endpoint)
    manifests: list[Manifest] = []
    violations: list[Violation] = []
    for template in described.templates:
        body = templates.render_object(template, described.values)
        if body is None and template in _MAY_BE_EMPTY:
            continue
        problems = _check_identity(template, body, endpoint)
        if not problems and schemas is not None:
            problems = [(problem.path, problem.message, problem.hint) for problem in check_manifest(body, schemas)]
        violations.extend(_place(templates, template, described, problem) for problem in problems)
        manifests.append(Manifest(body))
    if violations:
        raise RenderFailed(
            f"the objects of {endpoint.name} are not what Kubernetes takes: {violations[0]}",
            hint="correct the template",
            violations=violations,
        )
    return ManifestSet(tuple(manifests), tuple(dict.fromkeys(described.warnings)))


_Problem = tuple[tuple[str | int, ...], str, str]


def _check_identity(template: str, body: Any, endpoint: ResolvedEndpoint) -> list[_Problem]:
    """What revstamp itself finds objects by: one mapping of the template's kind, name, namespace and label."""
    if not isinstance(body, Mapping):
        return [((), "the template does not make an object", "it must make one YAML mapping")]
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    labels = metadata.get("labels")
    found = {
        ("kind",): (body.get("kind"), TEMPLATE_KINDS[template]),
        ("metadata", "name"): (metadata.get("name"), _object_name(template, endpoint)),
        ("metadata", "namespace"): (metadata.get("namespace"), endpoint.namespace),
        ("metadata", "labels"): (labels.get(ENDPOINT) if isinstance(labels, Mapping) else None, endpoint.name),
    }
    return [
        (path, f"{path[-1]} is {value!r}", f"it must be {expected!r}: revstamp finds the object by it")
        for path, (value, expected) in found.items()
        if value != expected
    ]


def _object_name(template: str, endpoint: ResolvedEndpoint) -> str:
    """Names that the platform uses, and that status and pruning look for."""
    suffixes = {
        "service.yaml.j2": "-svc",
        "horizontalpodautoscaler.yaml.j2": "-hpa",
        "poddisruptionbudget.yaml.j2": "-pdb",
        "httproute.yaml.j2": "-route",
        "ingress.yaml.j2": "-ingress",
    }
    return endpoint.name + suffixes.get(template, "")


def _place(templates: TemplateSet, template: str, described: RenderInput, problem: _Problem) -> Violation:
    path, message, hint = problem
    place, line = templates.find_place(template, described.values, path)
    dotted = ".".join(str(step) for step in path)
    return Violation(message, fix=hint, path=dotted, file=place, line=line, code="manifest")
