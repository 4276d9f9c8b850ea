"""Values of pods and their model server, for templates.

Owns: what pods of both frameworks have in common, and what Knative does not take. Refuses: how it looks in YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.render.arguments import escape_expansion
from generator.render.download import ModelFiles, pull_policy
from generator.render.pods import ENDPOINT
from generator.render.servers import ServerPlan
from generator.spec.capacity import gpu_memory_threshold
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import EnvVar, Toleration

GPU = "nvidia.com/gpu"
PROBE_SECONDS = 10
"""Between two probes; the startup probe's failures add up to the load budget."""


def pod_values(endpoint: ResolvedEndpoint) -> dict[str, Any]:
    """The pod's own fields, without its containers."""
    pod = endpoint.pod
    deployment = endpoint.framework == "deployment"
    knative = is_knative(endpoint)
    labels = {**pod.labels, **endpoint.labels, ENDPOINT: endpoint.name}
    return {
        "labels": {**labels, "app": endpoint.name} if deployment else dict(pod.labels),
        "annotations": dict(pod.annotations),
        "service_account_name": pod.service_account_name,
        "automount_service_account_token": False if deployment and not pod.service_account_name else None,
        "enable_service_links": False,
        "image_pull_secrets": [{"name": name} for name in pod.image_pull_secrets],
        "node_selector": _node_selector(endpoint),
        "tolerations": _tolerations(endpoint),
        "gpu_memory_above": _gpu_memory_above(endpoint),
        "priority_class_name": pod.priority_class_name,
        "runtime_class_name": pod.runtime_class_name,
        "security_context": dict(pod.security_context),
        "termination_grace_seconds": None if knative else endpoint.budgets.termination_grace_seconds,
        "shm_size": pod.shm_size if endpoint.gpus and not has_runtime(endpoint) else None,
    }


def server_values(endpoint: ResolvedEndpoint, plan: ServerPlan, files: ModelFiles) -> dict[str, Any]:
    """The model server's container."""
    deployment = endpoint.framework == "deployment"
    knative = is_knative(endpoint)
    limits, requests = container_resources(endpoint)
    return {
        "name": "model-server" if deployment else "kserve-container",
        "image": endpoint.image,
        "image_pull_policy": pull_policy(endpoint.image),
        "command": list(plan.command),
        "args": list(plan.args),
        "port": plan.port,
        "port_name": "http1" if knative else "http",
        "probe_port": "http" if deployment else plan.port,
        "env": [env_var(variable) for variable in endpoint.pod.env] + list(files.server_env),
        "limits": limits,
        "requests": requests,
        "ready_path": plan.ready_path,
        "live_path": plan.live_path,
        "probe_seconds": PROBE_SECONDS,
        "startup_failures": -(-endpoint.budgets.load_seconds // PROBE_SECONDS),
        "pre_stop_seconds": _pre_stop_seconds(endpoint),
        "security_context": dict(endpoint.pod.container_security_context),
    }


def is_knative(endpoint: ResolvedEndpoint) -> bool:
    """Whether Knative runs the pods."""
    return endpoint.framework == "kserve" and endpoint.kserve.mode == "Knative"


def has_runtime(endpoint: ResolvedEndpoint) -> bool:
    """Whether a serving runtime of KServe brings the container: image, command, probes and shared memory."""
    return endpoint.framework == "kserve" and endpoint.kserve.predictor == "model"


def container_resources(endpoint: ResolvedEndpoint) -> tuple[dict[str, str], dict[str, str]]:
    """Limits and requests; GPUs in both, equal, as Kubernetes wants it."""
    gpus = {GPU: str(endpoint.gpus)} if endpoint.gpus else {}
    requests = {"cpu": endpoint.cpu_request, "memory": endpoint.memory_request}
    limits = {"cpu": endpoint.cpu_limit, "memory": endpoint.memory_limit}
    return _given(limits) | gpus, _given(requests) | gpus


def _given(amounts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: amount for name, amount in amounts.items() if amount}


def env_var(variable: EnvVar) -> dict[str, Any]:
    """One variable; an empty value is left out, as the API server does."""
    if variable.secret is not None:
        reference = {"name": variable.secret.name, "key": variable.secret.key}
        return {"name": variable.name, "valueFrom": {"secretKeyRef": reference}}
    value = escape_expansion(variable.value or "")
    return {"name": variable.name, "value": value} if value else {"name": variable.name}


def _pre_stop_seconds(endpoint: ResolvedEndpoint) -> int | None:
    """Pause before the stop signal, so that routes forget the pod first; needs Kubernetes 1.30, not in Knative."""
    if is_knative(endpoint) or not has_sleep_action(endpoint):
        return None
    return endpoint.budgets.pre_stop_seconds or None


def has_sleep_action(endpoint: ResolvedEndpoint) -> bool:
    """Whether `lifecycle.preStop.sleep` is on by default (PodLifecycleSleepAction, beta since 1.30)."""
    major, minor = endpoint.kubernetes_version.lstrip("v").split(".")[:2]
    return (int(major), int(minor)) >= (1, 30)


def _gpu_memory_above(endpoint: ResolvedEndpoint) -> str | None:
    """MiB that a card's memory must exceed."""
    gigabytes = endpoint.deployment.resources.gpu_memory_gb
    return str(gpu_memory_threshold(gigabytes)) if gigabytes and endpoint.gpus else None


def _node_selector(endpoint: ResolvedEndpoint) -> dict[str, str]:
    pool = endpoint.gpu_pool.node_selector if endpoint.gpu_pool and endpoint.gpus else None
    return {**(pool or {}), **endpoint.pod.node_selector}


def _tolerations(endpoint: ResolvedEndpoint) -> list[dict[str, Any]]:
    """Those of the GPU pool and of the pod, each once."""
    pool = endpoint.gpu_pool.tolerations if endpoint.gpu_pool and endpoint.gpus else None
    unique = dict.fromkeys((*(pool or ()), *endpoint.pod.tolerations))
    return [_toleration(toleration) for toleration in unique]


def _toleration(toleration: Toleration) -> dict[str, Any]:
    return toleration.model_dump(by_alias=True, exclude_none=True)
