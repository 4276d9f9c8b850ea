"""Stamps and differences of what the shipped templates really make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.render.diff import EndpointDiff, diff_endpoint
from generator.render.diff_fields import Effect
from generator.render.diff_intent import Intent
from generator.render.engine import TemplateSet
from generator.render.impact_workload import read_workload
from generator.render.manifest import ManifestSet
from generator.render.parse import parse_yaml
from generator.render.pods import without_revisions
from generator.render.render import render_manifests
from generator.render.shipped import shipped_templates
from generator.render.stamp import StampedSet, StampRequest, stamp_manifests
from tests.render.factory import make_endpoint, make_external_endpoint

DIGEST = f"sha256:{'0' * 64}"
TEMPLATES = TemplateSet(shipped_templates())
FRAMEWORKS: list[dict[str, Any]] = [
    {"framework": "deployment"},
    {"framework": "kserve"},
    {"framework": "kserve", "kserve__version": "0.15.0"},
    {"framework": "kserve", "kserve__predictor": "model"},
]
KNATIVE: dict[str, Any] = {"framework": "kserve", "kserve__mode": "Knative"}
frameworks = pytest.mark.parametrize("framework", FRAMEWORKS, ids=str)
every_framework = pytest.mark.parametrize("framework", [*FRAMEWORKS, KNATIVE], ids=str)


def render(**overrides: Any) -> ManifestSet:
    return render_manifests(make_endpoint(**overrides), TEMPLATES)


def stamp(rendered: ManifestSet, before: StampedSet | None = None, *, restart: bool = False) -> StampedSet:
    """Stamped as the successor of what a reader finds in the files."""
    previous = {name: parse_yaml(text) for name, text in before.files.items()} if before else {}
    revision = before.stamp.revision + 1 if before else 1
    request = StampRequest("dev", "chat", revision, f"req-{revision}", DIGEST, DIGEST, "0.1.0", restart)
    return stamp_manifests(rendered, previous, before.stamp if before else None, request)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> EndpointDiff:
    return diff_endpoint(before, after, name="chat", environment="dev", before_revision=1, after_revision=2)


def labels(found: EndpointDiff) -> dict[str, tuple[str | None, str | None, Effect | None]]:
    return {row.label: (row.old, row.new, row.effect) for row in found.rows}


@frameworks
@settings(max_examples=30)
@given(
    low=st.integers(1, 4),
    more=st.integers(0, 4),
    route=st.from_regex(r"/[a-z]{1,8}", fullmatch=True),
    owner=st.none() | st.text("abc -@", min_size=1, max_size=8),
    timeout=st.integers(1, 900),
    surge=st.integers(0, 1),
    scales=st.booleans(),
)
def test_scale_route_owner_and_strategy_never_touch_the_pods(
    framework: dict[str, Any],
    low: int,
    more: int,
    route: str,
    owner: str | None,
    timeout: int,
    surge: int,
    scales: bool,
) -> None:
    """The promise of design, held by templates, stamps and differences together."""
    before = stamp(render(**framework))
    overrides = {
        "min_replicas": low,
        "max_replicas": low + more,
        "route": route,
        "owner": owner,
        "routing__request_timeout_seconds": timeout,
        "autoscaling": {"cpuUtilization": 50} if scales else {},
        "rollout__max_surge": surge,
        "rollout__max_unavailable": 1 - surge,
    }
    after = stamp(render(**framework, **overrides), before)
    assert after.stamp.pod_revision == 1
    found = compare(before.bodies, after.bodies)
    assert Intent.RESTARTED not in found.intents
    assert found.impact.replicas_restarted == 0
    assert {row.effect for row in found.rows} <= {Effect.NO_RESTART}


@every_framework
def test_a_redeploy_moves_the_pods_and_nothing_but_revisions(framework: dict[str, Any]) -> None:
    """On every framework and mode."""
    before = stamp(render(**framework))
    after = stamp(render(**framework), before, restart=True)
    assert after.stamp.pod_revision == 2
    assert [without_revisions(body) for body in before.bodies.values()] == [
        without_revisions(body) for body in after.bodies.values()
    ]
    found = compare(before.bodies, after.bodies)
    assert found.restart_only
    assert found.intents == (Intent.RESTARTED,)


@every_framework
def test_rendering_again_changes_nothing(framework: dict[str, Any]) -> None:
    """No difference, no commit."""
    before = stamp(render(**framework))
    after = stamp(render(**framework), before)
    assert not after.changed
    assert (after.files, after.stamp) == (before.files, before.stamp)
    assert not compare(before.bodies, after.bodies).changed


@every_framework
def test_every_row_of_the_table_is_found_in_what_is_rendered(framework: dict[str, Any]) -> None:
    """Should a template move a value, this test says which row has lost it."""
    found = compare({}, stamp(render(**framework, deployment__resources__gpus=2)).bodies)
    expected = {"storage", "GPUs × replicas", "tensor parallel", "concurrent requests", "replicas"}
    expected |= {"output tokens", "total tokens"}
    expected |= {"cpu", "memory", "strategy", "route", "request timeout"}
    if framework.get("kserve__predictor") == "model":
        expected |= {"model format"}
    else:
        expected |= {"model", "image", "startup budget"}
    if framework.get("framework") == "deployment" or framework == KNATIVE:
        expected |= {"progress deadline"}
    if framework == {"framework": "deployment"} or framework.get("kserve__predictor", "container") == "container":
        expected |= {"secret keys"} if framework != KNATIVE else set()
    assert labels(found).keys() == expected
    assert labels(found)["storage"][1] == "s3://models/llama-chat/1.2.0"


@every_framework
@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"model__storage_uri": "s3://models/llama-chat/1.3.0"}, ["storage"]),
        ({"memory_limit": "64Gi"}, ["memory"]),
        ({"deployment__runtime__max_concurrent_requests": 64}, ["concurrent requests"]),
        ({"deployment__runtime__max_output_tokens": 2048}, ["output tokens", "total tokens"]),
        ({"deployment__resources__gpus": 2}, ["GPUs × replicas", "tensor parallel"]),
    ],
    ids=str,
)
def test_a_change_people_make_is_told_by_the_table_alone(
    framework: dict[str, Any], overrides: dict[str, Any], told: list[str]
) -> None:
    """No leftover fields that say the same in Kubernetes' words."""
    before = stamp(render(**framework))
    found = compare(before.bodies, stamp(render(**framework, **overrides), before).bodies)
    assert list(labels(found)) == told
    assert {effect for _, _, effect in labels(found).values()} == {Effect.RESTARTS}
    concurrency = "deployment__runtime__max_concurrent_requests" in overrides and framework == KNATIVE
    others = {"spec.predictor.containerConcurrency"} if concurrency else set()
    assert {item.change.path for item in found.others} == others


@every_framework
def test_the_workload_read_back_is_the_one_asked_for(framework: dict[str, Any]) -> None:
    """Replicas and GPUs from the manifests agree with the endpoint they were rendered from."""
    for low, high in ((1, 1), (2, 2), (1, 3), (2, 5)):
        endpoint = make_endpoint(**framework, min_replicas=low, max_replicas=high, deployment__resources__gpus=4)
        workload = read_workload([item.body for item in render_manifests(endpoint, TEMPLATES)])
        assert workload is not None
        assert (workload.replicas, workload.max_replicas) == (low, high)
        assert (workload.gpus, workload.gpus_held) == (4, endpoint.gpus_held)


@every_framework
def test_stopping_and_starting_are_told(framework: dict[str, Any]) -> None:
    """`min 0, max 0` frees the GPUs, on every framework in its own way."""
    running = stamp(render(**framework))
    stopped = stamp(render(**framework, min_replicas=0, max_replicas=0), running)
    found = compare(running.bodies, stopped.bodies)
    assert found.primary is Intent.STOPPED
    assert (found.impact.gpus_before, found.impact.gpus_after, found.impact.replicas_restarted) == (1, 0, 0)
    again = compare(stopped.bodies, stamp(render(**framework), stopped).bodies)
    assert again.primary is Intent.STARTED
    assert again.impact.gpus_extra == 1


def test_a_model_on_a_volume_claim_is_told_by_its_claim() -> None:
    """There is no download to read it from."""
    before = stamp(render(model__storage_uri="pvc://models/chat/1"))
    found = compare(before.bodies, stamp(render(model__storage_uri="pvc://models/chat/2"), before).bodies)
    assert labels(found) == {"storage": ("pvc://models/chat/1", "pvc://models/chat/2", Effect.RESTARTS)}
    assert found.others == ()


def test_the_time_limit_of_an_ingress_is_a_matter_of_its_route() -> None:
    """nginx is told by annotations, which are no mere metadata."""
    before = stamp(render(routing__type="ingress"))
    after = stamp(render(routing__type="ingress", routing__request_timeout_seconds=7), before)
    assert compare(before.bodies, after.bodies).intents == (Intent.ROUTED,)


def test_an_endpoint_of_an_external_model_has_a_stamp_and_no_objects() -> None:
    """Nothing to deploy is still something to record."""
    stamped = stamp(render_manifests(make_external_endpoint(), TEMPLATES))
    assert (stamped.changed, stamped.files, stamped.stamp.pod_revision) == (True, {}, 0)
    assert not compare({}, stamped.bodies).changed


def test_another_framework_replaces_the_workload() -> None:
    """Both run for a moment; the stamp gives the new one its own pod revision."""
    before = stamp(render())
    after = stamp(render(framework="kserve"), before)
    found = compare(before.bodies, after.bodies)
    assert after.stamp.pod_revision == 2
    assert found.replaces[0].startswith("Deployment llm-ops-dev/svc-0123456789ab goes")
    assert (found.impact.gpus_before, found.impact.gpus_extra) == (1, 1)


def test_a_stamp_is_the_same_whatever_the_order_of_the_objects() -> None:
    """The digest goes by names."""
    rendered = render()
    turned = replace(rendered, manifests=tuple(reversed(rendered.manifests)))
    assert stamp(rendered).stamp == stamp(turned).stamp
