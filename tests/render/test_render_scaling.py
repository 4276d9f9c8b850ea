"""Claims about replicas: who owns them, and what autoscalers go by."""

from __future__ import annotations

from typing import Any

import pytest

from generator.spec.sections import Scaling
from tests.render.rendering import body, kinds, warned


def test_an_autoscaler_owns_the_replicas_where_there_is_one() -> None:
    assert "replicas" not in body("Deployment")["spec"]
    assert body("Deployment", autoscaling={})["spec"]["replicas"] == 1
    assert body("Deployment", min_replicas=3)["spec"]["replicas"] == 3


def test_a_stopped_endpoint_keeps_service_and_route_and_nothing_that_scales() -> None:
    stopped = {"min_replicas": 0, "max_replicas": 0}
    assert kinds(**stopped) == ["Deployment", "Service", "HTTPRoute"]
    assert body("Deployment", **stopped)["spec"]["replicas"] == 0


def test_a_cpu_metric_needs_a_cpu_request() -> None:
    given = {"cpu_request": None, "cpu_limit": None}
    assert "HorizontalPodAutoscaler" not in kinds(**given)
    assert body("Deployment", **given)["spec"]["replicas"] == 1
    assert warned("CPU request", **given)


def test_a_metric_that_nobody_maps_is_kept_with_a_warning() -> None:
    given = {"autoscaling": {"cpuUtilization": 70, "gpuUtilization": 80}}
    assert len(body("HorizontalPodAutoscaler", **given)["spec"]["metrics"]) == 1
    assert warned("gpuUtilization is kept, not applied", **given)
    assert kinds(autoscaling={"gpuUtilization": 80}).count("HorizontalPodAutoscaler") == 0


def test_mapped_metrics_become_pods_and_external_metrics_in_canonical_quantities() -> None:
    metrics = {
        "gpuUtilization": Scaling(metric="gpu_util", divisor=100),
        "targetLatencyMs": Scaling(type="External", metric="latency", selector={"queue": "q"}, divisor=1000),
    }
    policy = {"targetLatencyMs": 1500, "gpuUtilization": 80}
    spec = body("HorizontalPodAutoscaler", metrics=metrics, autoscaling=policy)["spec"]
    assert spec["metrics"] == [
        {
            "type": "Pods",
            "pods": {"metric": {"name": "gpu_util"}, "target": {"type": "AverageValue", "averageValue": "800m"}},
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "latency", "selector": {"matchLabels": {"queue": "q"}}},
                "target": {"type": "Value", "value": "1500m"},
            },
        },
    ]


@pytest.mark.parametrize("value", ["", "many", None, [], {}, True, -1, 0, float("nan"), "1/0", "9" * 50])
def test_a_target_that_is_no_number_is_kept_with_a_warning(value: Any) -> None:
    assert warned("not applied", autoscaling={"cpuUtilization": value})


def test_a_budget_for_drains_is_there_from_two_replicas_on() -> None:
    assert "PodDisruptionBudget" not in kinds()
    assert body("PodDisruptionBudget", min_replicas=2)["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app": "svc-0123456789ab"}},
    }
