"""Rendering in tests: the shipped templates with the schema check on, and short ways to one object.

Owns: `render` and the ways to its objects. Refuses: claims.
"""

from __future__ import annotations

from typing import Any

from generator.render.engine import TemplateSet
from generator.render.manifest import ManifestSet
from generator.render.render import render_manifests
from generator.render.schema_check import SchemaVersions
from generator.render.shipped import shipped_templates
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import Scaling
from tests.render.factory import make_endpoint

TEMPLATES = TemplateSet(shipped_templates())
SCHEMAS = SchemaVersions(kubernetes="1.36", kserve="0.16")
MAPPED = {"gpuUtilization": Scaling(metric="gpu_util")}


def render(endpoint: ResolvedEndpoint) -> ManifestSet:
    """The endpoint's objects by the shipped templates, checked."""
    return render_manifests(endpoint, TEMPLATES, SCHEMAS)


def body(kind: str, **overrides: Any) -> Any:
    """The body of one object of an endpoint with these overrides."""
    manifest = render(make_endpoint(**overrides)).get(kind)
    assert manifest is not None, f"no {kind}"
    return manifest.body


def kserve(**overrides: Any) -> Any:
    """The InferenceService of an endpoint with these overrides."""
    return body("InferenceService", framework="kserve", **overrides)


def pod_of(workload: Any) -> Any:
    """The pod's specification in a Deployment or an InferenceService."""
    return workload["spec"].get("template", {}).get("spec") or workload["spec"]["predictor"]


def kinds(**overrides: Any) -> list[str]:
    """The kinds of all objects, in order."""
    return [manifest.kind for manifest in render(make_endpoint(**overrides))]


def warned(word: str, **overrides: Any) -> bool:
    """Whether a warning holds the word."""
    return any(word in warning for warning in render(make_endpoint(**overrides)).warnings)
