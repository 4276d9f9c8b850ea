"""Claims about InferenceServices, by version and mode."""

from __future__ import annotations

import pytest

from generator.spec.model import Rollout, TrafficSplit
from tests.render.rendering import MAPPED, body, kinds, kserve, pod_of, warned


@pytest.mark.parametrize(
    ("version", "mode", "spelled"),
    [
        ("0.15.2", "Standard", "RawDeployment"),
        ("0.15.2", "Knative", "Serverless"),
        ("0.16.0", "Standard", "Standard"),
        ("0.17.0", "Knative", "Knative"),
    ],
)
def test_the_mode_is_always_given_as_the_version_spells_it(version: str, mode: str, spelled: str) -> None:
    annotations = kserve(kserve__version=version, kserve__mode=mode)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == spelled


def test_a_change_of_policy_replicas_or_route_leaves_annotations_and_pods_of_kserve_alone() -> None:
    for metrics in ({}, MAPPED):
        before = kserve(metrics=metrics)
        for change in (
            {"autoscaling": {}},
            {"autoscaling": {"gpuUtilization": 50}},
            {"min_replicas": 2, "max_replicas": 9},
            {"route": "/other", "routing__type": "none"},
            {"owner": "somebody"},
        ):
            after = kserve(metrics=metrics, **change)
            assert after["metadata"] == before["metadata"]
            scaling = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
            rest = [{k: v for k, v in one["spec"]["predictor"].items() if k not in scaling} for one in (before, after)]
            assert rest[0] == rest[1]


def test_kserve_scales_by_cpu_itself_where_the_environment_maps_nothing() -> None:
    predictor = kserve()["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (1, 3)
    assert (predictor["scaleMetric"], predictor["scaleTarget"]) == ("cpu", 70)
    assert "HorizontalPodAutoscaler" not in kinds(framework="kserve")


def test_fixed_replicas_on_kserve_pin_its_autoscaler() -> None:
    predictor = kserve(autoscaling={}, min_replicas=2)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 2)
    assert "scaleMetric" not in predictor


def test_mapped_metrics_bring_an_own_autoscaler_onto_the_predictor() -> None:
    given = {"framework": "kserve", "metrics": MAPPED, "autoscaling": {"gpuUtilization": 60}}
    autoscaler = body("HorizontalPodAutoscaler", **given)
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == "svc-0123456789ab-predictor"
    assert autoscaler["metadata"]["name"] != "svc-0123456789ab-predictor"
    annotations = kserve(**{key: value for key, value in given.items() if key != "framework"})["metadata"][
        "annotations"
    ]
    assert annotations["serving.kserve.io/autoscalerClass"] == "external"


def test_an_external_predictor_never_loses_its_autoscaler_while_it_runs() -> None:
    given = {"framework": "kserve", "metrics": MAPPED, "autoscaling": {}, "min_replicas": 2}
    spec = body("HorizontalPodAutoscaler", **given)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 2)


def test_stopping_is_the_stop_annotation_where_the_version_knows_it() -> None:
    stopped = {"min_replicas": 0, "max_replicas": 0}
    service = kserve(**stopped)
    assert service["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert service["spec"]["predictor"]["minReplicas"] == 0
    assert "maxReplicas" not in service["spec"]["predictor"]
    old = kserve(kserve__version="0.15.2", **stopped)["metadata"]["annotations"]
    assert old["serving.kserve.io/autoscalerClass"] == "none"
    assert "serving.kserve.io/stop" not in old
    assert kinds(framework="kserve", metrics=MAPPED, **stopped) == ["InferenceService", "HTTPRoute"]


def test_a_predictor_by_format_names_its_runtime_and_nothing_of_the_image() -> None:
    predictor = kserve(kserve__predictor="model", kserve__runtime="vllm-runtime")["spec"]["predictor"]
    assert "containers" not in predictor
    assert predictor["model"]["modelFormat"] == {"name": "huggingface"}
    assert predictor["model"]["runtime"] == "vllm-runtime"
    assert predictor["model"]["storageUri"] == "s3://models/llama-chat/1.2.0"
    assert "registry.local" not in str(predictor)


def test_knative_gets_nothing_that_it_always_refuses() -> None:
    predictor = pod_of(kserve(kserve__mode="Knative"))
    for field in ("terminationGracePeriodSeconds", "automountServiceAccountToken", "deploymentStrategy"):
        assert field not in predictor
    container = predictor["containers"][0]
    assert "lifecycle" not in container
    assert container["ports"] == [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}]


def test_knative_fields_that_need_a_feature_flag_are_named_with_it() -> None:
    given = {"framework": "kserve", "kserve__mode": "Knative", "pod__node_selector": {"a": "b"}}
    assert warned("kubernetes.podspec-nodeselector", **given)
    assert warned("kubernetes.podspec-affinity", **given)


def test_a_canary_is_split_on_knative_only() -> None:
    rollout = Rollout(strategy="canary", traffic_split=TrafficSplit(old=90, new=10))
    given = {"deployment__rollout": rollout}
    assert kserve(kserve__mode="Knative", **given)["spec"]["predictor"]["canaryTrafficPercent"] == 10
    assert "canaryTrafficPercent" not in kserve(**given)["spec"]["predictor"]


def test_the_budget_for_drains_selects_the_pods_that_kserve_makes() -> None:
    spec = body("PodDisruptionBudget", framework="kserve", min_replicas=2)["spec"]
    assert spec["selector"]["matchLabels"] == {"app": "isvc.svc-0123456789ab-predictor"}
