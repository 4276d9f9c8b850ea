"""Numbers read from manifests alone: replicas, GPUs, and what a rollout takes on top."""

from __future__ import annotations

from typing import Any

import pytest

from generator.render.impact import Impact, measure_impact
from generator.render.impact_workload import Workload, main_container, pod_gpus, read_workload
from generator.render.pods import AUTOSCALER, STOP
from tests.render.test_pods import autoscaler, container, deployment, edited, inference_service, service

RAW = "spec/strategy"


def read(*bodies: dict[str, Any]) -> Workload:
    workload = read_workload(bodies)
    assert workload is not None
    return workload


def rolled(old: dict[str, Any], new: dict[str, Any], **flags: bool) -> Impact:
    return measure_impact(read(old), read(new), restarts=True, anew=flags.get("anew", False))


def with_strategy(replicas: int, surge: Any, unavailable: Any, gpus: str = "2") -> dict[str, Any]:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    body = edited(deployment(replicas), "spec/strategy/rollingUpdate", rolling)
    return edited(body, "spec/template/spec/containers/0/resources/limits", {"nvidia.com/gpu": gpus})


def test_replicas_come_from_the_autoscaler_where_there_is_one() -> None:
    """Then the Deployment says nothing, or what was once true."""
    assert (read(deployment(3)).replicas, read(deployment(None)).replicas) == (3, 1)
    scaled = read(deployment(None), autoscaler(2, 5), service())
    assert (scaled.replicas, scaled.max_replicas, scaled.gpus_held) == (2, 5, 4)
    assert read(deployment(0), autoscaler(2, 5)).replicas == 0
    assert read(inference_service(), autoscaler(3, 6)).replicas == 3


@pytest.mark.parametrize(
    ("body", "bounds"),
    [
        (inference_service(minReplicas=0, maxReplicas=3), (1, 3)),
        (inference_service(minReplicas=2, maxReplicas=0), (2, 2)),
        (inference_service("Knative", minReplicas=0, maxReplicas=3), (0, 3)),
        (edited(inference_service("Knative", minReplicas=0), "spec/predictor/maxReplicas", None), (0, 1)),
        (edited(inference_service(), f"metadata/annotations//{STOP}", "true"), (0, 0)),
        (edited(inference_service(), f"metadata/annotations//{STOP}", "false"), (2, 2)),
        (
            edited(
                inference_service("RawDeployment", minReplicas=0, maxReplicas=0),
                f"metadata/annotations//{AUTOSCALER}",
                "none",
            ),
            (0, 0),
        ),
    ],
)
def test_replicas_of_an_inference_service_are_those_that_kserve_makes(
    body: dict[str, Any], bounds: tuple[int, int]
) -> None:
    """Its own HPA keeps one replica, no maximum is 0, and a stopped one has none."""
    workload = read(body)
    assert (workload.replicas, workload.max_replicas) == bounds


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "pods"),
    [
        (1, 0, 3, (1, 0)),
        ("25%", "25%", 3, (1, 0)),
        ("25%", "25%", 4, (1, 1)),
        ("50%", "50%", 3, (2, 1)),
        (0, 0, 3, (0, 1)),
        ("0%", "0%", 3, (0, 1)),
        ("x", None, 3, (0, 1)),
        (-1, True, 3, (0, 1)),
        ("9999999999%", 0, 3, (0, 1)),
    ],
)
def test_percentages_are_rounded_as_the_controller_does(
    surge: Any, unavailable: Any, replicas: int, pods: tuple[int, int]
) -> None:
    """Surge up, unavailable down, and never both zero; garbage counts as zero."""
    workload = read(with_strategy(replicas, surge, unavailable))
    assert (workload.surge, workload.unavailable) == pods


@pytest.mark.parametrize(
    ("old", "new", "numbers"),
    [
        # pods restarted, GPUs before, after, on top, pods that keep serving
        (with_strategy(3, 1, 0), with_strategy(3, 1, 0), (3, 6, 6, 2, 3)),
        (with_strategy(1, 1, 0), with_strategy(1, 1, 0), (1, 2, 2, 2, 1)),
        (with_strategy(1, 0, 1), with_strategy(1, 0, 1), (1, 2, 2, 0, 0)),
        (with_strategy(3, 0, 1), with_strategy(3, 0, 1), (3, 6, 6, 0, 2)),
        (with_strategy(2, 5, 0), with_strategy(2, 5, 0), (2, 4, 4, 4, 2)),
        (with_strategy(2, 1, 0), with_strategy(4, 1, 0), (2, 4, 8, 6, 2)),
        (with_strategy(4, 1, 0), with_strategy(2, 1, 0), (2, 8, 4, 0, 2)),
        (with_strategy(2, 1, 0, "1"), with_strategy(2, 1, 0, "4"), (2, 2, 8, 7, 2)),
        (with_strategy(2, 1, 0, "4"), with_strategy(2, 1, 0, "1"), (2, 8, 2, 1, 2)),
        (inference_service(), inference_service(), (2, 4, 4, 2, 2)),
        (inference_service("Knative"), inference_service("Knative"), (2, 4, 4, 4, 2)),
        (
            edited(deployment(2), RAW, {"type": "Recreate"}),
            edited(deployment(2), RAW, {"type": "Recreate"}),
            (2, 4, 4, 0, 0),
        ),
        (deployment(2), inference_service(), (2, 4, 4, 4, 2)),
    ],
)
def test_a_rollout_takes_what_its_strategy_says(
    old: dict[str, Any], new: dict[str, Any], numbers: tuple[int, ...]
) -> None:
    """Surge times GPUs; side by side twice the GPUs; Recreate none, and nothing serves meanwhile."""
    impact = rolled(old, new)
    found = (impact.replicas_restarted, impact.gpus_before, impact.gpus_after, impact.gpus_extra, impact.least_serving)
    assert found == numbers
    assert bool(impact.downtime) == (not impact.least_serving)


def test_scaling_alone_takes_only_what_is_added() -> None:
    """No surge where no pod is replaced."""
    more = measure_impact(read(deployment(1)), read(deployment(4)), restarts=False, anew=False)
    assert (more.replicas_restarted, more.gpus_extra, more.downtime) == (0, 6, "")
    less = measure_impact(read(deployment(4)), read(deployment(1)), restarts=False, anew=False)
    assert (less.gpus_extra, less.gpus_after) == (0, 2)


def test_an_object_made_anew_serves_nothing_meanwhile() -> None:
    """The old one is gone before the new one can have its name."""
    impact = rolled(deployment(2), deployment(2), anew=True)
    assert (impact.gpus_extra, impact.least_serving) == (0, 0)
    assert "made anew" in impact.downtime


def test_gpus_of_a_pod_are_those_of_all_its_containers() -> None:
    """Any vendor's, slices too; an init container counts where it asks for more; garbage counts as none."""

    def wants(**limits: Any) -> dict[str, Any]:
        return {"resources": {"limits": {key.replace("__", "/"): value for key, value in limits.items()}}}

    assert pod_gpus({"containers": [container(), container()]}) == 4
    assert pod_gpus({"containers": [{"resources": {"limits": {"amd.com/gpu": 3, "cpu": "8"}}}]}) == 3
    assert pod_gpus({"containers": [{"resources": {"limits": {"nvidia.com/mig-1g.5gb": "2"}}}]}) == 2
    assert pod_gpus({"containers": [container()], "initContainers": [{"resources": {"limits": {"a/gpu": 8}}}]}) == 8
    assert pod_gpus({"containers": [{"resources": {"requests": {"nvidia.com/gpu": 1}}}]}) == 1
    assert pod_gpus({"containers": [{"resources": {"limits": {"nvidia.com/gpu": "many"}}}, "x", None]}) == 0
    assert pod_gpus({"containers": "x", "model": {"resources": {"limits": {"nvidia.com/gpu": "4"}}}}) == 4
    assert pod_gpus({}) == 0


def test_the_serving_container_is_found_among_sidecars() -> None:
    """By its name, else by its GPUs, else it is the first."""
    sidecar = {"name": "proxy"}
    assert main_container({"containers": [sidecar, container()]})["name"] == "model-server"
    assert main_container({"containers": [sidecar, container("llm")]})["name"] == "llm"
    assert main_container({"containers": [sidecar, {"name": "llm"}]}) == sidecar
    assert main_container({}) == {}


def test_an_endpoint_without_workload_has_none() -> None:
    """A model that is served elsewhere holds nothing here."""
    assert read_workload([service()]) is None
    assert measure_impact(None, None, restarts=False, anew=False) == Impact()
