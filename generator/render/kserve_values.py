"""Values of an InferenceService, for its template.

Owns: annotations, replica bounds and predictor fields by KServe version and mode. Refuses: the pod (`pod_values`).

Annotations reach the pods and replace all of them when they change, so whatever stands in them depends on the
environment, on where the model lies, and on being stopped; never on an owner, a policy or a route.
"""

from __future__ import annotations

from typing import Any

from generator.render.download import ModelFiles
from generator.render.pod_values import has_runtime, is_knative
from generator.render.scaling import ScalingPlan
from generator.spec.resolved import ResolvedEndpoint

CONCURRENCY_LIMIT = 1000
"""Knative's default `container-concurrency-max-limit`."""

TIMEOUT_LIMIT = 600
"""Knative's default `max-revision-timeout-seconds`."""

_FLAGS = {
    "node_selector": ("a node selector", "kubernetes.podspec-nodeselector"),
    "tolerations": ("tolerations", "kubernetes.podspec-tolerations"),
    "gpu_memory_above": ("node affinity (GPU memory)", "kubernetes.podspec-affinity"),
    "priority_class_name": ("a priority class", "kubernetes.podspec-priorityclassname"),
    "runtime_class_name": ("a runtime class", "kubernetes.podspec-runtimeclassname"),
    "security_context": ("a pod security context", "kubernetes.podspec-securitycontext"),
}
"""What Knative refuses unless its `config-features` enables it (knative.dev/serving v0.51, fieldmask.go)."""


def has_own_autoscaler(endpoint: ResolvedEndpoint) -> bool:
    """Whether revstamp's HPA scales the predictor, not KServe's.

    Decided by the environment alone: the annotation that says so restarts every pod when it changes.
    """
    return endpoint.framework == "kserve" and not is_knative(endpoint) and bool(endpoint.metrics)


def predictor_values(endpoint: ResolvedEndpoint, scaling: ScalingPlan, files: ModelFiles) -> dict[str, Any]:
    """Fields of the InferenceService and of its predictor."""
    knative = is_knative(endpoint)
    by_kserve = not knative and not has_own_autoscaler(endpoint) and scaling.scales
    low, high = _bounds(endpoint, scaling)
    limit = endpoint.deployment.runtime.max_concurrent_requests
    return {
        "annotations": _annotations(endpoint) | dict(files.annotations),
        "labels": endpoint.pod.labels,
        "min_replicas": low,
        "max_replicas": high,
        "scale_metric": "cpu" if by_kserve and scaling.cpu else None,
        "scale_target": scaling.cpu if by_kserve else None,
        "container_concurrency": limit if knative and limit <= CONCURRENCY_LIMIT else None,
        "timeout_seconds": endpoint.routing.request_timeout_seconds,
        "canary_percent": _canary_percent(endpoint) if knative else None,
        "max_surge": None if knative else endpoint.rollout.max_surge,
        "max_unavailable": None if knative else endpoint.rollout.max_unavailable,
        "by_format": has_runtime(endpoint),
        "model_format": endpoint.kserve.model_format,
        "runtime": endpoint.kserve.runtime,
    }


def _bounds(endpoint: ResolvedEndpoint, scaling: ScalingPlan) -> tuple[int, int | None]:
    """minReplicas and maxReplicas; a stopped endpoint has no maximum, since 0 means none to KServe."""
    if endpoint.is_stopped:
        return 0, None
    if is_knative(endpoint):
        return endpoint.min_replicas, endpoint.max_replicas
    low = max(scaling.min_replicas, 1)
    return low, max(scaling.max_replicas, low) if scaling.scales else low


def _annotations(endpoint: ResolvedEndpoint) -> dict[str, str]:
    """The mode always, since KServe takes the cluster's default silently; see the module about what may be here."""
    prefix = "serving.kserve.io/"
    annotations = {f"{prefix}deploymentMode": endpoint.kserve.mode_annotation}
    if has_own_autoscaler(endpoint):
        annotations[f"{prefix}autoscalerClass"] = "external"
    if is_knative(endpoint):
        annotations["serving.knative.dev/progress-deadline"] = f"{endpoint.budgets.progress_deadline_seconds}s"
    if endpoint.is_stopped and (is_knative(endpoint) or endpoint.kserve.minor >= (0, 16)):
        annotations[f"{prefix}stop"] = "true"
    elif endpoint.is_stopped:
        annotations[f"{prefix}autoscalerClass"] = "none"  # up to 0.15 'stop' does nothing here; 'none' takes 0 replicas
    return annotations


def _canary_percent(endpoint: ResolvedEndpoint) -> int | None:
    rollout = endpoint.deployment.rollout
    if rollout is None or rollout.strategy != "canary" or rollout.traffic_split is None:
        return None
    return rollout.traffic_split.new


def warn_about_knative(endpoint: ResolvedEndpoint, pod: dict[str, Any]) -> list[str]:
    """What Knative does not do, or does only where its administrator allows it."""
    warnings = [
        f"Knative takes {words} only with its feature flag {flag}"
        for name, (words, flag) in _FLAGS.items()
        if pod[name]
    ]
    warnings.extend(
        f"autoscaling {key} is kept, not applied: Knative scales by concurrency"
        for key in sorted(endpoint.autoscaling)
        if endpoint.scales
    )
    if endpoint.deployment.runtime.max_concurrent_requests > CONCURRENCY_LIMIT:
        warnings.append(f"containerConcurrency is left out: Knative allows at most {CONCURRENCY_LIMIT} by default")
    if endpoint.routing.request_timeout_seconds > TIMEOUT_LIMIT:
        warnings.append(f"Knative refuses request timeouts over {TIMEOUT_LIMIT} s unless config-defaults allows them")
    if endpoint.routing.type == "gateway":
        warnings.append(
            "Knative's Service is an alias of its local gateway; many Gateways refuse such a backend: see that yours "
            "takes ExternalName Services, or route by ingress"
        )
    return warnings


def warn_about_runtime(endpoint: ResolvedEndpoint) -> list[str]:
    """What a serving runtime decides instead of the endpoint."""
    kept = {
        "image": endpoint.image if _is_asked_for(endpoint, "image") else None,
        "health_path": endpoint.health_path,
        "port": endpoint.port,
        "shm_size": endpoint.pod.shm_size if endpoint.gpus and _is_asked_for(endpoint, "pod.shm_size") else None,
    }
    return [
        f"{name} {value} is kept, not applied: the serving runtime decides" for name, value in kept.items() if value
    ]


def _is_asked_for(endpoint: ResolvedEndpoint, name: str) -> bool:
    """Whether somebody gave the value for this endpoint, so that it is no default of the environment."""
    origin = endpoint.origins.get(name)
    return origin is not None and origin.source in ("request", "file")
