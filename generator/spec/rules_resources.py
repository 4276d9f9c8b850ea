"""Rules about the cpu and memory of one replica.

Owns: bounds that make sense, request and limit, shared memory. Refuses: GPUs (that is `rules_capacity`).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.errors import Violation
from generator.spec.case import Case, Rule
from generator.spec.quantity import quantity_value

MEBIBYTE = 1024 * 1024


def check_quantities(case: Case) -> Iterator[Violation]:
    """Each bound is an amount that a replica can have."""
    for name, *bounds in _resources(case):
        for bound, text in zip(("request", "limit"), bounds, strict=True):
            problem = _problem(name, text) if text is not None else None
            if problem:
                yield case.wrong(f"{name}.{bound}", *problem, "quantity")


def _resources(case: Case) -> tuple[tuple[str, str | None, str | None], ...]:
    endpoint = case.endpoint
    return (
        ("cpu", endpoint.cpu_request, endpoint.cpu_limit),
        ("memory", endpoint.memory_request, endpoint.memory_limit),
    )


def _problem(name: str, text: str) -> tuple[str, str] | None:
    """What is wrong with one amount, and what would be right."""
    value = quantity_value(text)
    if value <= 0:
        return f"{text} is not above zero", "leave it out for no bound"
    if name == "memory" and value < MEBIBYTE:
        return f"{text} is less than 1Mi of memory", "write the unit: 16Gi, 512Mi (a small m is a thousandth of a byte)"
    if name == "cpu" and (value * 1000).denominator != 1:
        return f"{text} is finer than 1m of a core", "use whole millicores"
    return None


def check_request_within_limit(case: Case) -> Iterator[Violation]:
    """What is reserved is not more than what may be used."""
    for name, request, limit in _resources(case):
        if request is None or limit is None or quantity_value(request) <= quantity_value(limit):
            continue
        where = "request" if case.document.label(("spec", name, "request")) else "limit"
        yield case.wrong(
            f"{name}.{where}",
            f"the {name} request {request} is above the limit {limit}",
            "raise the limit or lower the request",
            "request-above-limit",
        )


def check_shared_memory(case: Case) -> Iterator[Violation]:
    """Shared memory is memory: it counts against the limit."""
    shm, memory = case.endpoint.pod.shm_size, case.endpoint.memory_limit
    if shm is None:
        return
    if quantity_value(shm) < MEBIBYTE:
        yield case.wrong("pod.shmSize", f"{shm} is less than 1Mi of memory", "write the unit: 2Gi, 512Mi", "shm")
    elif memory is not None and quantity_value(shm) >= quantity_value(memory):
        yield case.wrong(
            "pod.shmSize",
            f"shared memory of {shm} does not fit into the memory limit of {memory}",
            "it counts against the limit: make it smaller, or the limit larger",
            "shm",
        )


RESOURCE_RULES: tuple[Rule, ...] = (check_quantities, check_request_within_limit, check_shared_memory)
