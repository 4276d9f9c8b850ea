"""The workload of an endpoint as its manifests tell it: replicas, GPUs, and how pods take each other's place.

Owns: reading numbers out of a Deployment, an InferenceService and an autoscaler. Refuses: live state: what is read
here holds for any commit, from git alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from generator.render.pods import AUTOSCALER, identity, is_standard, is_stopped, items_at, kind_of, map_at, value_at
from generator.spec.quantity import quantity_value

WORKLOADS = ("Deployment", "InferenceService")
_MAIN_NAMES = ("kserve-container", "model-server", "server")


@dataclass(frozen=True, slots=True)
class Workload:
    """What decides how many pods and GPUs an endpoint takes.

    `replicas` is what it keeps at least, `max_replicas` what an autoscaler may make of it. `surge` and `unavailable`
    are pods, beyond and below `replicas`, during a rollout; `side_by_side` says that a whole new set of pods starts
    before the old one goes (Knative).
    """

    kind: str
    body: Mapping[str, Any]
    pod: Mapping[str, Any]
    replicas: int
    max_replicas: int
    gpus: int
    surge: int
    unavailable: int
    side_by_side: bool = False

    @property
    def identity(self) -> tuple[str, str, str]:
        """Kind, namespace and name: workloads that differ in it run side by side."""
        return identity(self.body)

    @property
    def gpus_held(self) -> int:
        """GPUs that the least number of replicas holds."""
        return self.gpus * self.replicas


def read_workload(bodies: Iterable[Mapping[str, Any]]) -> Workload | None:
    """The one workload among an endpoint's objects; None for an endpoint without pods of its own."""
    found = {kind_of(body): body for body in bodies}
    if "Deployment" in found:
        return _read_deployment(found["Deployment"], found.get("HorizontalPodAutoscaler"))
    if "InferenceService" in found:
        return _read_inference_service(found["InferenceService"], found.get("HorizontalPodAutoscaler"))
    return None


def _read_deployment(body: Mapping[str, Any], autoscaler: Mapping[str, Any] | None) -> Workload:
    pod = map_at(body, "spec", "template", "spec")
    least = most = _count(value_at(body, "spec", "replicas"), 1)
    if autoscaler is not None and least:  # an autoscaler leaves a Deployment at zero alone
        least, most = _read_bounds(autoscaler)
    surge, unavailable = _read_strategy(map_at(body, "spec", "strategy"), least)
    return Workload("Deployment", body, pod, least, max(least, most), pod_gpus(pod), surge, unavailable)


def _read_bounds(autoscaler: Mapping[str, Any]) -> tuple[int, int]:
    least = _count(value_at(autoscaler, "spec", "minReplicas"), 1)
    return least, _count(value_at(autoscaler, "spec", "maxReplicas"), least)


def _read_inference_service(body: Mapping[str, Any], autoscaler: Mapping[str, Any] | None) -> Workload:
    predictor = map_at(body, "spec", "predictor")
    least, most = _read_predictor_bounds(body, predictor)
    if autoscaler is not None and most:
        least, most = _read_bounds(autoscaler)
    most = max(least, most)
    gpus = pod_gpus(predictor)
    if not is_standard(body):
        return Workload("InferenceService", body, predictor, least, most, gpus, least, 0, side_by_side=True)
    surge, unavailable = _read_strategy(map_at(predictor, "deploymentStrategy"), least)
    return Workload("InferenceService", body, predictor, least, most, gpus, surge, unavailable)


def _read_predictor_bounds(body: Mapping[str, Any], predictor: Mapping[str, Any]) -> tuple[int, int]:
    """Replicas as KServe takes them: no maximum, or a maximum of 0, is none; an HPA of KServe's keeps one replica."""
    if is_stopped(body):
        return 0, 0
    least = _count(predictor.get("minReplicas"), 1)
    most = _count(predictor.get("maxReplicas"), 0)
    if not is_standard(body):
        return least, most or max(least, 1)
    if value_at(body, "metadata", "annotations", AUTOSCALER) not in ("none", "external", "keda"):
        least = max(least, 1)
    return least, most


def _read_strategy(strategy: Mapping[str, Any], replicas: int) -> tuple[int, int]:
    """Surge and unavailable in pods. Percentages: surge is rounded up, unavailable down (apps/v1); both default to
    25 %, and where both come out as zero, one pod may be unavailable."""
    if strategy.get("type") == "Recreate":
        return 0, replicas
    rolling = map_at(strategy, "rollingUpdate")
    surge = _pods(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = _pods(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    return surge, unavailable if surge or unavailable else min(1, replicas)


def _pods(value: Any, replicas: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal() and len(value) < 8:
        share = Fraction(int(value[:-1]) * replicas, 100)
        return -(-share.numerator // share.denominator) if up else int(share)
    return _count(value, 0)


def _count(value: Any, default: int) -> int:
    """A number of pods; what is none, or below zero, counts as the default."""
    return value if type(value) is int and 0 <= value < 2**31 else default


def pod_gpus(pod: Mapping[str, Any]) -> int:
    """GPUs of one pod: its containers together, or one init container that asks for more."""
    containers = items_at(pod, "containers")
    model = map_at(pod, "model")
    together = sum(container_gpus(item) for item in ([*containers, model] if model else containers))
    return max([together, *(container_gpus(item) for item in items_at(pod, "initContainers"))])


def container_gpus(container: Mapping[str, Any]) -> int:
    """GPUs that a container's limits name: `nvidia.com/gpu`, any vendor's `…/gpu`, and slices (`nvidia.com/mig-…`)."""
    resources = map_at(container, "resources", "limits") or map_at(container, "resources", "requests")
    return sum(_whole(amount) for key, amount in resources.items() if _is_gpu(str(key)))


def _is_gpu(key: str) -> bool:
    return key.endswith("/gpu") or key.startswith("nvidia.com/mig-")


def _whole(amount: Any) -> int:
    try:
        return max(0, int(quantity_value(str(amount))))
    except ValueError:
        return 0


def main_container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that serves the model: a predictor's model, the one with GPUs, a usual name, the first one."""
    containers = items_at(pod, "containers")
    if model := map_at(pod, "model"):
        return model
    named = [item for item in containers if item.get("name") in _MAIN_NAMES]
    with_gpus = [item for item in containers if container_gpus(item)]
    return next(iter([*named, *with_gpus, *containers]), {})
