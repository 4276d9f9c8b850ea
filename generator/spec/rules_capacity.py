"""Rules about GPUs, cpu, memory, replicas, scaling, time, and what stands around the pods.

Owns: the arithmetic of GPUs, pods and KServe (kubernetes-rules, "GPU rollouts"). Refuses: live capacity.
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.errors import Violation
from generator.spec.capacity import eligible_pools, gpu_memory_threshold
from generator.spec.case import Case, Rule
from generator.spec.quantity import quantity_value

KNOWN_POLICIES = ("cpuUtilization", "gpuUtilization", "targetLatencyMs")
MEBIBYTE = 1024 * 1024


def check_gpus(case: Case) -> Iterator[Violation]:
    endpoint, limits = case.endpoint, case.environment.spec.limits
    resources = endpoint.deployment.resources
    if endpoint.device == "gpu" and resources.gpus == 0:
        yield case.wrong(
            "deployment.resources.gpus",
            "use_gpu is true, but gpus is 0: a GPU image needs a GPU",
            "set resources.gpus to 1 or more, or use_gpu to false",
            "gpus",
        )
    held = endpoint.gpus * endpoint.max_replicas
    if limits.max_gpus_per_endpoint is not None and held > limits.max_gpus_per_endpoint:
        yield case.wrong(
            "deployment.resources.gpus",
            f"{endpoint.gpus} GPUs x {endpoint.max_replicas} replicas is {held}, "
            f"above the environment's {limits.max_gpus_per_endpoint} for one endpoint",
            "lower the GPUs or the greatest number of replicas",
            "gpus",
        )
    heads = endpoint.model.metadata.get("num_attention_heads")
    if (
        isinstance(heads, int)
        and not isinstance(heads, bool)
        and heads > 0
        and endpoint.gpus > 1
        and heads % endpoint.gpus
    ):
        yield case.wrong(
            "deployment.resources.gpus",
            f"the model's {heads} attention heads cannot be split over {endpoint.gpus} GPUs",
            f"use a number that divides {heads}",
            "gpus",
        )


def check_pools(case: Case) -> Iterator[Violation]:
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


def check_resources(case: Case) -> Iterator[Violation]:
    endpoint = case.endpoint
    for name, request, limit in (
        ("cpu", endpoint.cpu_request, endpoint.cpu_limit),
        ("memory", endpoint.memory_request, endpoint.memory_limit),
    ):
        for bound, text in (("request", request), ("limit", limit)):
            if text is None:
                continue
            value = quantity_value(text)
            if value <= 0:
                yield case.wrong(
                    f"{name}.{bound}", f"{text} is not above zero", "leave it out for no bound", "quantity"
                )
            elif name == "memory" and value < MEBIBYTE:
                fix = "write the unit: 16Gi, 512Mi (a small m is a thousandth of a byte)"
                yield case.wrong(f"memory.{bound}", f"{text} is less than 1Mi of memory", fix, "quantity")
            elif name == "cpu" and (value * 1000).denominator != 1:
                yield case.wrong(
                    f"cpu.{bound}", f"{text} is finer than 1m of a core", "use whole millicores", "quantity"
                )
        if request is not None and limit is not None and quantity_value(request) > quantity_value(limit):
            where = "request" if case.document.label(("spec", name, "request")) else "limit"
            yield case.wrong(
                f"{name}.{where}",
                f"the {name} request {request} is above the limit {limit}",
                "raise the limit or lower the request",
                "request-above-limit",
            )
    shm, memory = endpoint.pod.shm_size, endpoint.memory_limit
    if shm is not None and memory is not None and quantity_value(shm) >= quantity_value(memory):
        yield case.wrong(
            "pod.shmSize",
            f"shared memory of {shm} does not fit into the memory limit of {memory}",
            "it counts against the limit: make it smaller, or the limit larger",
            "shm",
        )


def check_replicas(case: Case) -> Iterator[Violation]:
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
    for key, value in case.endpoint.autoscaling.items():
        if key not in KNOWN_POLICIES and key not in case.endpoint.metrics:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            yield case.wrong(
                f"autoscaling.{key}",
                f"{value!r} is not a number above zero",
                "write a number, or leave it out",
                "autoscaling",
            )
        elif key == "cpuUtilization" and (value > 1000 or int(value) != value):
            yield case.wrong(
                "autoscaling.cpuUtilization", f"{value!r} is not a percentage", "use 1 to 100", "autoscaling"
            )


def check_budgets(case: Case) -> Iterator[Violation]:
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
    for variable in case.endpoint.pod.env:
        if (variable.value is None) == (variable.secret is None):
            yield case.wrong(
                "pod.env", f"the variable {variable.name} needs either value or secret", "give one of the two", "env"
            )


def check_routing(case: Case) -> Iterator[Violation]:
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
    check_pools,
    check_resources,
    check_replicas,
    check_autoscaling,
    check_budgets,
    check_environment_variables,
    check_routing,
)
