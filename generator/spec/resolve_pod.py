"""What one replica gets: cpu, memory, shared memory, place, time, and how its successor finds room.

Owns: resources, pod defaults, budgets and the rollout plan. Refuses: what runs in the pod.
"""

from __future__ import annotations

from generator.spec.capacity import eligible_pools, plan_rollout
from generator.spec.environment import GpuPool
from generator.spec.model import DeploymentSpec
from generator.spec.quantity import canonical_quantity, quantity_value
from generator.spec.resolved import Origin, ResolvedBudgets, ResolvedPod, RolloutPlan
from generator.spec.sections import Device, PodDefaults
from generator.spec.sources import Sources


def resolve_resource(sources: Sources, field: str, device: Device) -> tuple[str | None, str | None]:
    """Canonical request and limit of `cpu` or `memory`; KServe gets both or none.

    Its webhook fills a missing one of the two with 1 CPU or 2Gi, which may be less than the request that is there; so
    on KServe a request without limit is its own limit, and a limit without request its own request.
    """
    bounds = []
    for bound in ("request", "limit"):
        value = sources.pick(f"{field}.{bound}", env_path=("resources", device, field, bound))
        bounds.append(canonical_quantity(value) if value is not None else None)
    request, limit = _without_clashing_default(sources, field, bounds[0], bounds[1])
    if sources.pick("framework") != "kserve" or (request is None) == (limit is None):
        return request, limit
    sources.origins[f"{field}.{'limit' if limit is None else 'request'}"] = Origin(
        "rule", note="KServe would put 1 CPU and 2Gi where one of the two is missing"
    )
    return request or limit, limit or request


def _without_clashing_default(
    sources: Sources, field: str, request: str | None, limit: str | None
) -> tuple[str | None, str | None]:
    """Both bounds, but for an environment's default that contradicts what the endpoint itself says."""
    if request is None or limit is None or quantity_value(request) <= quantity_value(limit):
        return request, limit
    own = {bound: sources.origins[f"{field}.{bound}"].source in ("file", "request") for bound in ("request", "limit")}
    if own["request"] == own["limit"]:
        return request, limit
    dropped = "limit" if own["request"] else "request"
    sources.origins[f"{field}.{dropped}"] = Origin("rule", note="the environment's default contradicts the endpoint")
    return (request, None) if dropped == "limit" else (None, limit)


def resolve_pod(sources: Sources, device: Device, memory_limit: str | None) -> ResolvedPod:
    """What stands in the pod beside the server; maps and variables merge by key, lists are replaced."""
    own, env = sources.spec.pod or PodDefaults(), sources.env.pod or PodDefaults()
    variables = {variable.name: variable for variable in (*(env.env or ()), *(own.env or ()))}
    for section in ("labels", "annotations", "nodeSelector", "env"):
        sources.pick(f"pod.{section}")
    return ResolvedPod(
        service_account_name=sources.pick("pod.serviceAccountName"),
        image_pull_secrets=sources.pick("pod.imagePullSecrets", default=()),
        tolerations=sources.pick("pod.tolerations", default=()),
        node_selector={**(env.node_selector or {}), **(own.node_selector or {})},
        priority_class_name=sources.pick("pod.priorityClassName"),
        runtime_class_name=sources.pick("pod.runtimeClassName"),
        security_context=sources.pick("pod.securityContext", default={}),
        container_security_context=sources.pick("pod.containerSecurityContext", default={}),
        env=tuple(variables.values()),
        labels={**(env.labels or {}), **(own.labels or {})},
        annotations={**(env.annotations or {}), **(own.annotations or {})},
        shm_size=_shm_size(sources, device, memory_limit),
    )


def _shm_size(sources: Sources, device: Device, memory_limit: str | None) -> str | None:
    """`/dev/shm` counts against the memory limit: a default that would not fit twice is left out."""
    if device != "gpu":
        return None
    size = canonical_quantity(sources.pick("pod.shmSize"))
    is_default = sources.origins["pod.shmSize"].source == "default"
    if is_default and memory_limit is not None and quantity_value(memory_limit) < 2 * quantity_value(size):
        sources.origins["pod.shmSize"] = Origin("rule", note="the default does not fit into the memory limit")
        return None
    return size


def resolve_capacity(
    sources: Sources, deployment: DeploymentSpec, device: Device, replicas: int, budgets: ResolvedBudgets
) -> tuple[GpuPool | None, RolloutPlan]:
    """The pool that the endpoint names, and how pods are replaced with the GPUs that are spare."""
    gpus = deployment.resources.gpus if device == "gpu" else 0
    pools = eligible_pools(sources.env.gpu_pools, deployment.resources.gpu_memory_gb, sources.spec.gpu_pool)
    spare = max((pool.spare_gpus for pool in pools if pool.gpus_per_node >= gpus), default=0)
    chosen = pools[0] if sources.spec.gpu_pool is not None and pools else None
    if chosen is not None:
        sources.origins["gpuPool"] = sources.from_file(("spec", "gpuPool"))
    return chosen, plan_rollout(gpus, replicas, spare, budgets.load_seconds)


def resolve_budgets(sources: Sources) -> ResolvedBudgets:
    """Seconds of each phase; the deadline is their sum and a minute, where none is given."""
    names = ("capacitySeconds", "downloadSeconds", "loadSeconds", "preStopSeconds", "drainSeconds")
    capacity, download, load, pre_stop, drain = (sources.pick(f"budgets.{name}") for name in names)
    deadline = sources.pick("budgets.progressDeadlineSeconds")
    if deadline is None:
        deadline = capacity + download + load + 60
        sources.origins["budgets.progressDeadlineSeconds"] = Origin("rule", "capacity + download + load + 60 s")
    return ResolvedBudgets(capacity, download, load, pre_stop, drain, deadline)
