"""From rendered manifests to what a rollout should come to.

Owns: which object is the workload, how many pods it should have, how many GPUs each needs. Refuses: live objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.render.pods import AUTOSCALER, is_standard, is_stopped, items_at, kind_of, map_at, value_at
from generator.rollout.live import read_name, read_revision, read_text
from generator.rollout.status import Expectation, PhaseBudgets

_WORKLOADS = ("InferenceService", "Deployment")
_NO_AUTOSCALER = ("none", "external")
"""KServe's autoscaler classes in Standard mode that leave the number of pods alone."""


def expect(
    environment: str,
    endpoint: str,
    manifests: Sequence[Mapping[str, Any]],
    revision: int,
    pod_revision: int,
    budgets: PhaseBudgets,
) -> Expectation:
    """What git says, from the bodies that it has for one endpoint. Without a workload, nothing is deployed."""
    workload = find_workload(manifests)
    if workload is None:
        return Expectation(environment, endpoint, "", "", "", revision, pod_revision, 0, budgets=budgets)
    replicas, scales_to_zero = find_replicas(workload, manifests)
    return Expectation(
        environment=environment,
        endpoint=endpoint,
        namespace=read_text(workload, "metadata", "namespace"),
        kind=kind_of(workload),
        workload=read_name(workload),
        revision=revision,
        pod_revision=pod_revision,
        replicas=replicas,
        gpus=count_gpus(workload),
        budgets=budgets,
        workload_revision=read_revision(workload),
        scales_to_zero=scales_to_zero,
    )


def find_workload(manifests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The InferenceService, else the Deployment; of several the first."""
    for kind in _WORKLOADS:
        for body in manifests:
            if kind_of(body) == kind:
                return body
    return None


def find_replicas(workload: Mapping[str, Any], manifests: Sequence[Mapping[str, Any]]) -> tuple[int, bool]:
    """The least number of pods that should serve, and whether none at all may be right without a stop."""
    if kind_of(workload) == "InferenceService":
        return _find_predictor_replicas(workload)
    given = value_at(workload, "spec", "replicas")
    if given == 0:  # an autoscaler leaves a Deployment of no replicas alone
        return 0, False
    least = [
        _number(value_at(body, "spec", "minReplicas"), 1)
        for body in manifests
        if kind_of(body) == "HorizontalPodAutoscaler"
        and read_text(body, "spec", "scaleTargetRef", "name") == read_name(workload)
    ]
    return (least[0] if least and given is None else _number(given, 1)), False


def _find_predictor_replicas(service: Mapping[str, Any]) -> tuple[int, bool]:
    """In Standard mode KServe makes an HPA, which turns 0 into 1; Knative and KEDA do scale to zero."""
    if is_stopped(service):
        return 0, False
    least = _number(value_at(service, "spec", "predictor", "minReplicas"), 1)
    if least > 0:
        return least, False
    if not is_standard(service):
        return 0, True
    autoscaler = read_text(service, "metadata", "annotations", AUTOSCALER)
    return (0, True) if autoscaler in (*_NO_AUTOSCALER, "keda") else (1, False)


def count_gpus(workload: Mapping[str, Any]) -> int:
    """GPUs of one pod: of all containers together, or of the init container that needs more."""
    spec = map_at(workload, "spec", "predictor") or map_at(workload, "spec", "template", "spec")
    model = map_at(spec, "model")
    together = sum(_gpus_of(item) for item in (*items_at(spec, "containers"), *([model] if model else [])))
    return max(together, *(_gpus_of(item) for item in items_at(spec, "initContainers")), 0)


def _gpus_of(container: Mapping[str, Any]) -> int:
    asked = {**map_at(container, "resources", "requests"), **map_at(container, "resources", "limits")}
    return sum(_number(count, 0) for name, count in asked.items() if _is_gpu(str(name)))


def _is_gpu(resource: str) -> bool:
    """`nvidia.com/gpu`, `amd.com/gpu`, `nvidia.com/mig-1g.10gb`."""
    name = resource.partition("/")[2]
    return name == "gpu" or name.startswith(("gpu.", "mig-"))


def _number(value: Any, otherwise: int) -> int:
    try:
        return max(int(value), 0)
    except (TypeError, ValueError):
        return otherwise
