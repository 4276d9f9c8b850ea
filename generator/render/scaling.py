"""Which metrics an autoscaler gets, and who owns the number of replicas.

Owns: `plan_scaling`. Refuses: how many replicas there are now.

A policy's `cpuUtilization` is the only key that Kubernetes' own metrics know; it is a share of the CPU request, so it
needs one. Every other key needs a metric that the environment maps; without one it is kept in the endpoint's file and
a warning says that it is not applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from generator.spec.quantity import canonical_quantity
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import Scaling

CPU = "cpuUtilization"
SCALE_DOWN_SECONDS = 300
"""How long a lower need must last before replicas go; a model takes minutes to load again."""

_DEFAULT_CPU = 80
"""What the API server fills in for an autoscaler without metrics (autoscaling/v2)."""


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """Bounds and metrics. `metrics` are autoscaling/v2 metric specs; `cpu` is the percentage alone, for KServe."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[Mapping[str, Any], ...]
    cpu: int | None
    warnings: tuple[str, ...]

    @property
    def scales(self) -> bool:
        """Whether an autoscaler has something to choose, and something to choose by."""
        return bool(self.metrics) and self.min_replicas < self.max_replicas


def plan_scaling(endpoint: ResolvedEndpoint) -> ScalingPlan:
    """Bounds and metrics of one endpoint, with what cannot be applied as warnings."""
    if not endpoint.scales or endpoint.is_stopped:
        return ScalingPlan(endpoint.min_replicas, endpoint.min_replicas, (), None, ())
    metrics: list[Mapping[str, Any]] = []
    warnings: list[str] = []
    cpu = None
    for key in sorted(endpoint.autoscaling, key=lambda name: (name != CPU, name)):
        target = _number(endpoint.autoscaling[key])
        if problem := _problem(endpoint, key, target):
            warnings.append(f"autoscaling {key} is kept, not applied: {problem}")
        elif key in endpoint.metrics:
            metrics.append(_mapped_metric(endpoint.metrics[key], target))
        else:
            cpu = max(int(target), 1)
            metrics.append(cpu_metric(cpu))
    low = endpoint.min_replicas
    if metrics and low == 0:
        warnings.append("the autoscaler keeps at least one replica: only Knative scales to zero")
        low = 1
    if not metrics:
        warnings.append(f"nothing to scale by, so the number of replicas is fixed at {low}")
    return ScalingPlan(low, max(endpoint.max_replicas, low), tuple(metrics), cpu, tuple(warnings))


def cpu_metric(percent: int = _DEFAULT_CPU) -> dict[str, Any]:
    """Average use of the CPU request."""
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _number(value: Any) -> Fraction:
    """The target as a number; zero where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 20:
        return Fraction(0)
    try:
        return Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        return Fraction(0)


def _problem(endpoint: ResolvedEndpoint, key: str, target: Fraction) -> str:
    """Why a key of the policy cannot be applied, or nothing."""
    if key not in endpoint.metrics and key != CPU:
        return f"the environment maps no metric for {key}"
    if not 0 < target < 2**31:
        return f"{endpoint.autoscaling[key]!r} is not a positive number"
    if key == CPU and key not in endpoint.metrics and endpoint.framework == "deployment" and not endpoint.cpu_request:
        return "it is a share of the CPU request, and there is none"
    return ""


def _mapped_metric(scaling: Scaling, target: Fraction) -> dict[str, Any]:
    """A metric of the cluster's metrics API: an average over pods, or an external value as it is."""
    metric: dict[str, Any] = {"name": scaling.metric}
    if scaling.selector:
        metric["selector"] = {"matchLabels": dict(scaling.selector)}
    milli = max(-(-target * 1000 // scaling.divisor), 1)
    quantity = canonical_quantity(f"{milli}m")
    if scaling.type == "Pods":
        return {
            "type": "Pods",
            "pods": {"metric": metric, "target": {"type": "AverageValue", "averageValue": quantity}},
        }
    return {"type": "External", "external": {"metric": metric, "target": {"type": "Value", "value": quantity}}}
