"""Values of the objects that requests, autoscalers and drains go by: routes, HPA, PodDisruptionBudget.

Owns: names and targets of these objects for both frameworks. Refuses: the workload (`pod_values`, `kserve_values`).
"""

from __future__ import annotations

import re
from typing import Any

from generator.render.kserve_values import has_own_autoscaler
from generator.render.pod_values import is_knative
from generator.render.scaling import SCALE_DOWN_SECONDS, ScalingPlan, cpu_metric
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.text import shown

_PATTERN = re.compile(r"[\\.+*?\[\](){}^$|]")
_NGINX = "nginx.ingress.kubernetes.io/"


def backend_name(endpoint: ResolvedEndpoint) -> str:
    """The Service that answers for the endpoint."""
    return f"{endpoint.name}-predictor" if endpoint.framework == "kserve" else f"{endpoint.name}-svc"


def route_values(endpoint: ResolvedEndpoint) -> dict[str, Any]:
    """HTTPRoute or Ingress: the prefix of the route is replaced by `/`, since model servers serve `/v1/…`.

    Knative routes by the Host header, so there it is rewritten to the predictor's own.
    """
    routing = endpoint.routing
    parent = {
        "name": routing.gateway_name,
        "namespace": routing.gateway_namespace,
        "sectionName": routing.gateway_section,
    }
    return {
        "path": endpoint.route,
        "pattern": _PATTERN.sub(r"\\\g<0>", endpoint.route) + "(/|$)(.*)",
        "host": routing.host,
        "backend": backend_name(endpoint),
        "backend_host": _rewritten_host(endpoint),
        "timeout_seconds": routing.request_timeout_seconds,
        "parent": {name: value for name, value in parent.items() if value},
        "ingress_class": routing.ingress_class,
        "ingress_annotations": {**routing.ingress_annotations, **_own_annotations(endpoint)},
        "tls_secret": routing.ingress_tls_secret,
    }


def _rewritten_host(endpoint: ResolvedEndpoint) -> str | None:
    return f"{backend_name(endpoint)}.{endpoint.namespace}.svc.cluster.local" if is_knative(endpoint) else None


def _own_annotations(endpoint: ResolvedEndpoint) -> dict[str, str]:
    """What nginx needs; `rewrite-target: /` alone would collapse every path below the route."""
    host = _rewritten_host(endpoint)
    seconds = str(endpoint.routing.request_timeout_seconds)
    own = {
        f"{_NGINX}use-regex": "true",
        f"{_NGINX}rewrite-target": "/$2",
        f"{_NGINX}proxy-read-timeout": seconds,
        f"{_NGINX}proxy-send-timeout": seconds,
    }
    if host:
        own[f"{_NGINX}upstream-vhost"] = host
    return own


def warn_about_annotations(endpoint: ResolvedEndpoint) -> list[str]:
    """Which annotations of people are replaced, and what to say instead."""
    if endpoint.routing.type != "ingress":
        return []
    given = endpoint.routing.ingress_annotations
    return [
        f"the ingress annotation {key} is set by revstamp: {shown(given[key])} is replaced by {shown(value)}"
        + (", as routing.requestTimeoutSeconds says" if key.endswith("-timeout") else "")
        for key, value in _own_annotations(endpoint).items()
        if given.get(key, value) != value
    ]


def autoscaler_values(endpoint: ResolvedEndpoint, scaling: ScalingPlan) -> dict[str, Any] | None:
    """The HPA, or None where there is none: nothing to choose, stopped, or somebody else's (KServe, Knative).

    An `external` InferenceService always has one while it runs: nobody else owns its replicas, so it pins them too.
    """
    external = has_own_autoscaler(endpoint)
    wanted = scaling.scales and endpoint.framework == "deployment"
    if endpoint.is_stopped or not (external or wanted):
        return None
    low = max(scaling.min_replicas, 1)
    return {
        "target": f"{endpoint.name}-predictor" if external else endpoint.name,
        "min_replicas": low,
        "max_replicas": max(scaling.max_replicas, low) if scaling.scales else low,
        "metrics": list(scaling.metrics) or [cpu_metric()],
        "scale_down_seconds": SCALE_DOWN_SECONDS,
    }


def disruption_values(endpoint: ResolvedEndpoint) -> dict[str, Any] | None:
    """The PodDisruptionBudget, for two replicas and more: with one it would block every drain."""
    if endpoint.is_stopped or endpoint.min_replicas < 2 or is_knative(endpoint):
        return None
    kserve = endpoint.framework == "kserve"
    return {"selector": {"app": f"isvc.{endpoint.name}-predictor" if kserve else endpoint.name}, "max_unavailable": 1}
