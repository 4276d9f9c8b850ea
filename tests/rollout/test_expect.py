"""What git says about an endpoint, from its manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.rollout.expect import expect
from generator.rollout.status import Expectation, PhaseBudgets
from tests.rollout.factory import deployment, service

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = {
    ("dev", "chat"): ("Deployment", "chat", 1, 0),
    ("stg", "chat"): ("Deployment", "chat", 1, 1),
    ("stg", "search"): ("Deployment", "search", 2, 1),
    ("prod", "chat"): ("Deployment", "chat", 2, 1),
    ("prod", "large"): ("InferenceService", "large", 1, 4),
    ("prod", "embed"): ("Deployment", "embed", 2, 0),
}


def read(*manifests: dict[str, Any]) -> Expectation:
    """Of revision 7 with pods of revision 5."""
    return expect("prod", "chat", manifests, 7, 5, PhaseBudgets(load_seconds=60))


def autoscaler(least: int | None, target: str = "chat") -> dict[str, Any]:
    """An HPA."""
    spec: dict[str, Any] = {"scaleTargetRef": {"name": target}, "maxReplicas": 5}
    if least is not None:
        spec["minReplicas"] = least
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "chat-hpa"}, "spec": spec}


def without_replicas() -> dict[str, Any]:
    """A Deployment that an autoscaler owns the number of."""
    body = deployment(5)
    del body["spec"]["replicas"]
    return body


@pytest.mark.parametrize(("where", "wanted"), SHIPPED.items(), ids=lambda value: "-".join(map(str, value)))
def test_the_shipped_examples_are_understood(where: tuple[str, str], wanted: tuple[str, str, int, int]) -> None:
    """As they are rendered."""
    environment, endpoint = where
    paths = sorted((ROOT / f"environments/{environment}/manifests").glob(f"*/{endpoint}/*.yaml"))
    bodies = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]
    found = expect(environment, endpoint, bodies, 1, 1, PhaseBudgets())
    assert (found.kind, found.workload, found.replicas, found.gpus) == wanted
    assert found.namespace == f"llm-ops-{environment}"
    assert found.workload_revision == 1


@pytest.mark.parametrize(
    ("manifests", "replicas", "scales_to_zero"),
    [
        ([deployment(5, 3)], 3, False),
        ([deployment(5, 0), autoscaler(2)], 0, False),
        ([without_replicas()], 1, False),
        ([without_replicas(), autoscaler(2)], 2, False),
        ([without_replicas(), autoscaler(None)], 1, False),
        ([without_replicas(), autoscaler(4, "another")], 1, False),
        ([service(predictor={"minReplicas": 2})], 2, False),
        ([service(predictor={})], 1, False),
        ([service(predictor={"minReplicas": 2}, annotations={"serving.kserve.io/stop": "true"})], 0, False),
        ([service(predictor={"minReplicas": 0})], 1, False),
        ([service(predictor={"minReplicas": 0}, annotations={"serving.kserve.io/autoscalerClass": "keda"})], 0, True),
        ([service(predictor={"minReplicas": 0}, mode="Knative")], 0, True),
        ([], 0, False),
    ],
)
def test_how_many_pods_should_serve(manifests: list[dict[str, Any]], replicas: int, scales_to_zero: bool) -> None:
    """By the Deployment, its autoscaler, the predictor or a stop."""
    found = read(*manifests)
    assert (found.replicas, found.scales_to_zero) == (replicas, scales_to_zero)
    assert (found.revision, found.pod_revision, found.budgets.load_seconds) == (7, 5, 60)


def test_nothing_but_a_service_is_nothing_to_deploy() -> None:
    """Kind and workload are empty."""
    found = read({"kind": "Service", "metadata": {"name": "chat-svc"}})
    assert (found.kind, found.workload) == ("", "")


@pytest.mark.parametrize(
    ("limits", "gpus"),
    [
        ({"nvidia.com/gpu": "4"}, 4),
        ({"amd.com/gpu": 2}, 2),
        ({"nvidia.com/mig-1g.10gb": "1"}, 1),
        ({"cpu": "8"}, 0),
        ({"nvidia.com/gpu": "many"}, 0),
    ],
)
def test_gpus_of_one_pod_are_counted(limits: dict[str, Any], gpus: int) -> None:
    """Of any vendor."""
    body = deployment(5)
    body["spec"]["template"]["spec"]["containers"] = [{"name": "server", "resources": {"limits": limits}}]
    assert read(body).gpus == gpus
    assert read(service(predictor={"model": {"resources": {"limits": limits}}})).gpus == gpus
