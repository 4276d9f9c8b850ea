"""Which part of an object decides its pods. The other tests of stamps and differences take their objects from here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from generator.render.pods import MODE, REVISION, STOP, identity, pod_part, same_value, without_revisions

STANDARD_FREE = ("minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "timeout", "deploymentStrategy")


def container(name: str = "model-server", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "registry.local/vllm:v0.10.0",
        "args": [
            "--model=/mnt/models",
            "--served-model-name=chat",
            "--max-model-len=5120",
            "--max-num-seqs=256",
            "--tensor-parallel-size=2",
        ],
        "env": [
            {"name": "HF_HOME", "value": "/tmp/hf"},
            {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}},
        ],
        "resources": {
            "requests": {"cpu": "4", "memory": "32Gi", "nvidia.com/gpu": "2"},
            "limits": {"cpu": "8", "memory": "48Gi", "nvidia.com/gpu": "2"},
        },
        "startupProbe": {"httpGet": {"path": "/health", "port": 8000}, "failureThreshold": 60, "periodSeconds": 10},
        **fields,
    }


def deployment(replicas: int | None = 3) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": "llm", "labels": {"app": "chat"}},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": {"app": "chat"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "progressDeadlineSeconds": 2400,
            "template": {
                "metadata": {"labels": {"app": "chat"}},
                "spec": {
                    "initContainers": [{"name": "storage", "args": ["s3://models/chat/1", "/mnt/models"]}],
                    "containers": [container()],
                },
            },
        },
    }


def inference_service(mode: str = "Standard", **predictor: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "chat", "namespace": "llm", "labels": {"app": "chat"}, "annotations": {MODE: mode}},
        "spec": {
            "predictor": {
                "minReplicas": 2,
                "maxReplicas": 2,
                "timeout": 300,
                "containers": [container("kserve-container")],
                **predictor,
            }
        },
    }


def service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chat", "namespace": "llm"},
        "spec": {"selector": {"app": "chat"}, "ports": [{"name": "http", "port": 80, "targetPort": 8000}]},
    }


def autoscaler(least: int = 1, most: int = 4) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat", "namespace": "llm"},
        "spec": {"minReplicas": least, "maxReplicas": most},
    }


def route(path: str = "/llm/chat") -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "chat", "namespace": "llm"},
        "spec": {
            "hostnames": ["llm.local"],
            "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [{"name": "chat"}]}
            ],
        },
    }


def edited(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at the path (`spec/template/spec/containers/0/image`); None removes the key."""
    body = deepcopy(body)
    *steps, last = path.split("/") if "//" not in path else [*path.split("//")[0].split("/"), path.split("//")[1]]
    place: Any = body
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if value is None:
        place.pop(last, None)
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return body


@pytest.mark.parametrize("field", ["replicas", "strategy", "progressDeadlineSeconds", "minReadySeconds"])
def test_a_deployments_pods_depend_on_nothing_beside_its_template_and_selector(field: str) -> None:
    """Scale and strategy are the Deployment's own business."""
    body = deployment()
    assert pod_part(edited(body, f"spec/{field}", 7)) == pod_part(body)
    assert pod_part(edited(body, "metadata/labels", {"owner": "b"})) == pod_part(body)


@pytest.mark.parametrize(
    "path",
    ["spec/template/spec/containers/0/image", "spec/template/metadata/labels/x", "spec/selector/matchLabels/x"],
)
def test_a_change_of_template_or_selector_is_a_change_of_pods(path: str) -> None:
    """The template is what pods are made from; another selector means another set of pods."""
    assert pod_part(edited(deployment(), path, "other")) != pod_part(deployment())


def test_the_revision_is_no_part_of_what_decides_pods() -> None:
    """Otherwise every stamp would call for the next one."""
    for body, path in (
        (deployment(), f"spec/template/metadata/annotations//{REVISION}"),
        (inference_service(), f"metadata/annotations//{REVISION}"),
    ):
        assert pod_part(edited(body, path, "7")) == pod_part(body)


@pytest.mark.parametrize("mode", ["Standard", "RawDeployment"])
@pytest.mark.parametrize("field", STANDARD_FREE)
def test_scale_time_limit_and_strategy_do_not_touch_standard_pods(mode: str, field: str) -> None:
    """As seen on KServe: these reach the Deployment, its autoscaler or the route, not the pods."""
    body = inference_service(mode)
    assert pod_part(edited(body, f"spec/predictor/{field}", 9)) == pod_part(body)


@pytest.mark.parametrize("mode", ["Knative", "Serverless", "unheard-of"])
@pytest.mark.parametrize("field", STANDARD_FREE)
def test_knative_makes_a_revision_for_what_standard_takes_in_place(mode: str, field: str) -> None:
    """The bounds stand in the Revision's template; a mode that is not known is taken for the costlier one."""
    body = inference_service(mode)
    assert pod_part(edited(body, f"spec/predictor/{field}", 9)) != pod_part(body)
    assert pod_part(edited(body, "spec/predictor/canaryTrafficPercent", 9)) == pod_part(body)


def test_any_label_or_annotation_of_an_inference_service_reaches_its_pods() -> None:
    """Even `foo: bar` replaced all pods on a real controller; only `stop` does not, it ends them."""
    body = inference_service()
    assert pod_part(edited(body, "metadata/annotations/foo", "bar")) != pod_part(body)
    assert pod_part(edited(body, "metadata/labels/foo", "bar")) != pod_part(body)
    assert pod_part(edited(body, f"metadata/annotations//{STOP}", "true")) == pod_part(body)


def test_other_kinds_have_no_pods() -> None:
    """A Service or a route never restarts anything."""
    assert [pod_part(body) for body in (service(), route(), autoscaler(), {}, None, [], "x")] == [None] * 7


@pytest.mark.parametrize("garbage", [None, [], "x", 7, {"a": 1}, [{"b": None}]])
@pytest.mark.parametrize("path", ["metadata", "spec", "metadata/annotations", "spec/template", "spec/predictor"])
def test_hand_edited_garbage_is_read_without_a_crash(path: str, garbage: Any) -> None:
    """Anybody may have written what stands at the tip."""
    for body in (deployment(), inference_service()):
        broken = edited(body, path, garbage)
        identity(broken)
        pod_part(broken)
        without_revisions(broken)


def test_taking_revisions_away_keeps_the_order_of_keys() -> None:
    """The order of keys is the order in which they are written."""
    body = edited(deployment(), f"spec/template/metadata/annotations//{REVISION}", "3")
    assert list(without_revisions(body)["spec"]["template"]) == ["metadata", "spec"]
    assert without_revisions(body) == deployment()


def test_values_are_the_same_only_if_they_are_written_alike() -> None:
    """`true` is not 1, and 1 is not 1.0, though Python says so."""
    assert same_value({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]})
    assert not any(same_value(*pair) for pair in ((True, 1), (1, 1.0), ("1", 1), ({1: 1, "a": 2}, {1: 1, "b": 2})))
