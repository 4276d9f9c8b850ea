"""No text that a user can set changes the structure of an object."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.render.canonical import emit_yaml
from generator.render.render import render_manifests
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import EnvVar
from tests.render.factory import make_endpoint
from tests.render.rendering import TEMPLATES, pod_of

hostile = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(
        [
            "x\nhostNetwork: true",
            '"\n  a: b',
            "{{ 1 }}",
            "{% if %}",
            "# x",
            "- a",
            "&a",
            "*a",
            "!!x",
            "| ",
            "yes",
            "1e3",
            "~",
        ]
    ),
)


def shape(value: Any) -> Any:
    """Keys and types, without the texts."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def with_text(text: str, **overrides: Any) -> ResolvedEndpoint:
    return make_endpoint(
        **overrides,
        owner=text,
        labels={"team": text},
        model__name=text,
        args=(f"--x={text}",),
        image_args=(f"--y={text}",),
        image=f"r/{text}",
        health_path=f"/{text}",
        pod__env=(EnvVar.model_construct(name="A", value=f"v{text}", secret=None),),
        pod__annotations={"a": text},
        pod__priority_class_name=text,
        pod__security_context={"seLinuxOptions": {"user": text}},
        routing__gateway_name=text,
        routing__host=text,
        routing__ingress_annotations={"b": text},
        kserve__model_format=text,
        route=f"/{text}",
    )


@settings(max_examples=150, deadline=None)
@given(hostile, st.sampled_from(["deployment", "kserve"]), st.sampled_from(["gateway", "ingress"]))
def test_no_text_that_a_user_sets_becomes_structure(text: str, framework: str, routing: str) -> None:
    given = {"framework": framework, "routing__type": routing}
    calm = render_manifests(with_text("calm", **given), TEMPLATES)
    manifests = render_manifests(with_text(text, **given), TEMPLATES)
    for expected, manifest in zip(calm, manifests, strict=True):
        assert shape(manifest.body) == shape(expected.body)
        assert yaml.safe_load(emit_yaml(manifest.body)) == manifest.body
    workload = pod_of(manifests.manifests[0].body)
    assert workload["priorityClassName"] == text
