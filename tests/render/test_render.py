"""Claims about the set of an endpoint's objects, by framework, server, routing and what its environment has."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from generator.render.canonical import emit_yaml
from generator.render.engine import TemplateSet
from generator.render.render import render_manifests
from generator.render.shipped import shipped_templates
from tests.render.factory import make_endpoint, make_external_endpoint
from tests.render.rendering import MAPPED, kinds, render

ENDPOINTS = [
    {"server": server, **framework, "routing__type": routing, "min_replicas": replicas, "metrics": metrics}
    for server in ("vllm", "tgi", "sglang", "triton", "plain")
    for framework in (
        {"framework": "deployment"},
        {"framework": "kserve"},
        {"framework": "kserve", "kserve__mode": "Knative"},
        {"framework": "kserve", "kserve__predictor": "model"},
    )
    for routing in ("gateway", "ingress", "none")
    for replicas, metrics in ((1, {}), (2, MAPPED))
]


@pytest.mark.parametrize("overrides", ENDPOINTS, ids=lambda given: "-".join(str(value) for value in given.values()))
def test_every_combination_is_what_the_api_server_takes(overrides: dict[str, Any]) -> None:
    manifests = render(make_endpoint(**overrides))
    for manifest in manifests:
        assert yaml.safe_load(emit_yaml(manifest.body)) == manifest.body
        assert manifest.body["metadata"]["namespace"] == "llm-ops-dev"
        assert manifest.body["metadata"]["labels"]["revstamp.io/endpoint"] == "svc-0123456789ab"
        assert manifest.body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "revstamp"
        assert_nothing_empty(manifest.body)
    assert "revstamp.io/revision" not in str(list(manifests))
    assert len({manifest.kind for manifest in manifests}) == len(manifests)


def assert_nothing_empty(value: Any, key: str = "") -> None:
    assert value is not None, key
    if isinstance(value, dict | list):
        assert value or key == "emptyDir", key
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            assert_nothing_empty(inner, str(name))


def test_objects_are_in_the_order_in_which_they_are_applied() -> None:
    assert kinds(min_replicas=2) == [
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "HTTPRoute",
    ]
    assert kinds(framework="kserve", min_replicas=2, routing__type="ingress") == [
        "InferenceService",
        "PodDisruptionBudget",
        "Ingress",
    ]


def test_an_external_model_has_nothing_to_deploy() -> None:
    assert len(render(make_external_endpoint())) == 0


def test_rendering_twice_makes_the_same_bytes() -> None:
    again = TemplateSet(dict(reversed(shipped_templates().items())))
    first = [emit_yaml(manifest.body) for manifest in render(make_endpoint())]
    assert first == [emit_yaml(manifest.body) for manifest in render_manifests(make_endpoint(), again)]


def test_names_are_those_of_the_platform() -> None:
    names = {
        manifest.kind: manifest.name for manifest in render(make_endpoint(min_replicas=2, routing__type="ingress"))
    }
    assert names == {
        "Deployment": "svc-0123456789ab",
        "Service": "svc-0123456789ab-svc",
        "HorizontalPodAutoscaler": "svc-0123456789ab-hpa",
        "PodDisruptionBudget": "svc-0123456789ab-pdb",
        "Ingress": "svc-0123456789ab-ingress",
    }
