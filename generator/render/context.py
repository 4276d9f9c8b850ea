"""Everything that templates can use for one endpoint, and which templates are wanted.

Owns: the assembly of the parts. Refuses: deciding anything twice; each part is decided in its own module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.render.download import plan_model_files
from generator.render.kserve_values import (
    predictor_values,
    warn_about_knative,
    warn_about_runtime,
)
from generator.render.pod_values import (
    has_runtime,
    has_sleep_action,
    is_knative,
    pod_values,
    server_values,
)
from generator.render.pods import ENDPOINT
from generator.render.route_values import autoscaler_values, disruption_values, route_values, warn_about_annotations
from generator.render.scaling import ScalingPlan, plan_scaling
from generator.render.servers import plan_server
from generator.spec.resolved import ResolvedEndpoint

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
ANNOTATION_OWNER = "revstamp.io/owner"

TEMPLATE_KINDS: Mapping[str, str] = {
    "deployment.yaml.j2": "Deployment",
    "inferenceservice.yaml.j2": "InferenceService",
    "service.yaml.j2": "Service",
    "horizontalpodautoscaler.yaml.j2": "HorizontalPodAutoscaler",
    "poddisruptionbudget.yaml.j2": "PodDisruptionBudget",
    "httproute.yaml.j2": "HTTPRoute",
    "ingress.yaml.j2": "Ingress",
}
"""What each template makes, in the order in which objects are applied."""


@dataclass(frozen=True, slots=True)
class RenderInput:
    """Values for templates, the templates to render, and what people should know about the values."""

    values: Mapping[str, Any]
    templates: tuple[str, ...]
    warnings: tuple[str, ...]


def describe_endpoint(endpoint: ResolvedEndpoint) -> RenderInput:
    """The values of an endpoint that has something to deploy."""
    server = plan_server(endpoint)
    files = plan_model_files(endpoint)
    scaling = plan_scaling(endpoint)
    pod = pod_values(endpoint)
    values: dict[str, Any] = {
        "name": endpoint.name,
        "namespace": endpoint.namespace,
        "environment": endpoint.environment,
        "labels": {**endpoint.labels, ENDPOINT: endpoint.name, LABEL_MANAGED_BY: "revstamp"},
        "annotations": {ANNOTATION_OWNER: endpoint.owner} if endpoint.owner else {},
        "pod": pod,
        "server": server_values(endpoint, server, files),
        "model": files.values,
        "deployment": _deployment_values(endpoint, scaling),
        "predictor": predictor_values(endpoint, scaling, files),
        "autoscaler": autoscaler_values(endpoint, scaling),
        "disruption": disruption_values(endpoint),
        "route": route_values(endpoint),
    }
    scaling_warnings = () if is_knative(endpoint) else scaling.warnings
    warnings = (*server.warnings, *files.warnings, *scaling_warnings, *_framework_warnings(endpoint, pod))
    return RenderInput(values, _choose_templates(endpoint, values), warnings)


def _choose_templates(endpoint: ResolvedEndpoint, values: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = {
        "deployment.yaml.j2": endpoint.framework == "deployment",
        "inferenceservice.yaml.j2": endpoint.framework == "kserve",
        "service.yaml.j2": endpoint.framework == "deployment",
        "horizontalpodautoscaler.yaml.j2": values["autoscaler"] is not None,
        "poddisruptionbudget.yaml.j2": values["disruption"] is not None,
        "httproute.yaml.j2": endpoint.routing.type == "gateway",
        "ingress.yaml.j2": endpoint.routing.type == "ingress",
    }
    return tuple(name for name in TEMPLATE_KINDS if wanted[name])


def _deployment_values(endpoint: ResolvedEndpoint, scaling: ScalingPlan) -> dict[str, Any]:
    """The Deployment's own fields; an HPA owns the number of replicas where there is one."""
    return {
        "replicas": None if scaling.scales else scaling.min_replicas,
        "max_surge": endpoint.rollout.max_surge,
        "max_unavailable": endpoint.rollout.max_unavailable,
        "progress_deadline_seconds": endpoint.budgets.progress_deadline_seconds,
        "revision_history": 3,
    }


def _framework_warnings(endpoint: ResolvedEndpoint, pod: dict[str, Any]) -> list[str]:
    warnings = warn_about_annotations(endpoint)
    if has_runtime(endpoint):
        warnings += warn_about_runtime(endpoint)
    if is_knative(endpoint):
        warnings += warn_about_knative(endpoint, pod)
    elif endpoint.budgets.pre_stop_seconds and not has_sleep_action(endpoint):
        version = endpoint.kubernetes_version
        warnings.append(f"no pause before the stop signal: Kubernetes {version} has no sleep action (1.30 has)")
    return warnings
