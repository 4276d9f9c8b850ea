"""Rules about GPUs, replicas, scaling, time, and what stands around the pods.

Owns: the arithmetic of GPUs, pods and KServe (kubernetes-rules, "GPU rollouts"). Refuses: live capacity, and cpu and
memory (that is `rules_resources`).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.errors import Violation
from generator.spec.capacity import eligible_pools, gpu_memory_threshold
from generator.spec.case import Case, Rule
from generator.spec.rules_resources import RESOURCE_RULES
from generator.spec.text import shown

KNOWN_POLICIES = ("cpuUtilization", "gpuUtilization", "targetLatencyMs")


def check_gpus(case: Case) -> Iterator[Violation]:
    """A GPU image needs a GPU, and an endpoint has at most as many as its environment allows."""
    endpoint, limit = case.endpoint, case.environment.spec.limits.max_gpus_per_endpoint
    if endpoint.device == "gpu" and endpoint.gpus == 0:
        yield case.wrong(
            "deployment.resources.gpus",
            "use_gpu is true, but gpus is 0: a GPU image needs a GPU",
            "set resources.gpus to 1 or more, or use_gpu to false",
            "gpus",
        )
    held = endpoint.gpus * endpoint.max_replicas
    if limit is not None and held > limit:
        yield case.wrong(
            "deployment.resources.gpus",
            f"{endpoint.gpus} GPUs x {endpoint.max_replicas} replicas is {held}, "
            f"above the environment's {limit} for one endpoint",
            "lower the GPUs or the greatest number of replicas",
            "gpus",
        )


def check_attention_heads(case: Case) -> Iterator[Violation]:
    """Tensor parallelism gives each GPU the same number of heads."""
    gpus, heads = case.endpoint.gpus, case.endpoint.model.metadata.get("num_attention_heads")
    if isinstance(heads, bool) or not isinstance(heads, int) or heads <= 0 or gpus <= 1:
        return
    if heads % gpus:
        yield case.wrong(
            "deployment.resources.gpus",
            f"the model's {heads} attention heads cannot be split over {gpus} GPUs",
            f"use a number that divides {heads}",
            "gpus",
        )


def check_pools(case: Case) -> Iterator[Violation]:
    """The named pool exists; some pool has cards that are large enough, on nodes that have enough of them."""
    endpoint, pools = case.endpoint, case.environment.spec.gpu_pools
    chosen = case.endpoint.gpu_pool
    wanted = _given_pool(case)
    names = ", ".join(f"{pool.name} ({pool.gpu_memory_mib} MiB)" for pool in pools)
    if wanted is not None and chosen is None:
        yield case.wrong("gpuPool", f"the environment has no GPU pool {wanted!r}", f"pools: {names or 'none'}", "pool")
        return
    if not pools or endpoint.gpus == 0:
        return
    memory = endpoint.deployment.resources.gpu_memory_gb
    fitting = eligible_pools(pools, memory, chosen.name if chosen else None)
    if chosen is not None and memory and chosen.gpu_memory_mib <= gpu_memory_threshold(memory):
        fitting = ()
    if not fitting:
        yield case.wrong(
            "deployment.resources.gpu_memory_gb", f"no GPU pool has cards of {memory} GB", f"pools: {names}", "pool"
        )
    elif all(endpoint.gpus > pool.gpus_per_node for pool in fitting):
        most = max(pool.gpus_per_node for pool in fitting)
        yield case.wrong(
            "deployment.resources.gpus",
            f"one replica needs {endpoint.gpus} GPUs, a node has at most {most}",
            f"use at most {most} GPUs for a replica",
            "pool",
        )


def _given_pool(case: Case) -> str | None:
    spec = case.document.data.get("spec") if isinstance(case.document.data, dict) else None
    value = spec.get("gpuPool") if isinstance(spec, dict) else None
    return value if isinstance(value, str) else None


def check_replicas(case: Case) -> Iterator[Violation]:
    """Bounds in order, within the environment's; zero only where something can wake the endpoint, or to stop it."""
    endpoint = case.endpoint
    least, most = endpoint.min_replicas, endpoint.max_replicas
    limit = case.environment.spec.limits.max_replicas
    if least > most:
        yield case.wrong("replicas.min", f"min {least} is above max {most}", "lower min or raise max", "replicas")
    elif least == 0 and most > 0 and not (endpoint.framework == "kserve" and endpoint.kserve.mode == "Knative"):
        yield case.wrong(
            "replicas.min",
            "scaling to zero needs KServe's Knative mode",
            "use min 1 or more, or min 0 and max 0 to stop the endpoint",
            "replicas",
        )
    if limit is not None and most > limit:
        yield case.wrong(
            "replicas.max", f"max {most} is above the environment's {limit}", f"use at most {limit}", "replicas"
        )


def check_autoscaling(case: Case) -> Iterator[Violation]:
    """Targets that revstamp or the environment knows are numbers above zero; others are only kept."""
    for key, value in case.endpoint.autoscaling.items():
        if key not in KNOWN_POLICIES and key not in case.endpoint.metrics:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            yield case.wrong(
                ("autoscaling", key),
                f"{shown(value)} is not a number above zero",
                "write a number, or leave it out",
                "autoscaling",
            )
        elif key == "cpuUtilization" and (value > 1000 or int(value) != value):
            yield case.wrong(
                "autoscaling.cpuUtilization", f"{value!r} is not a percentage", "use 1 to 100", "autoscaling"
            )


def check_budgets(case: Case) -> Iterator[Violation]:
    """A load within its startup budget must not be reported as a stuck rollout."""
    budgets = case.endpoint.budgets
    if budgets.progress_deadline_seconds <= budgets.load_seconds:
        yield case.wrong(
            "budgets.progressDeadlineSeconds",
            f"the progress deadline of {budgets.progress_deadline_seconds} s is not above the "
            f"startup budget of {budgets.load_seconds} s",
            "a slow load would be reported as failed: raise it, or leave it out",
            "budgets",
        )


def check_environment_variables(case: Case) -> Iterator[Violation]:
    """A variable has one value: its own, or that of a Secret."""
    for variable in case.endpoint.pod.env:
        if (variable.value is None) == (variable.secret is None):
            yield case.wrong(
                "pod.env", f"the variable {variable.name} needs either value or secret", "give one of the two", "env"
            )


def check_routing(case: Case) -> Iterator[Violation]:
    """An HTTPRoute needs a Gateway to attach to."""
    routing = case.endpoint.routing
    if routing.type == "gateway" and not routing.gateway_name:
        yield case.wrong(
            "routing.gateway.name",
            "routing by gateway needs the name of the Gateway",
            "set spec.routing.gateway.name in the environment",
            "routing",
        )


CAPACITY_RULES: tuple[Rule, ...] = (
    check_gpus,
    check_attention_heads,
    check_pools,
    *RESOURCE_RULES,
    check_replicas,
    check_autoscaling,
    check_budgets,
    check_environment_variables,
    check_routing,
)
