"""The rules over all endpoints of one environment: routes are unique, GPUs are bounded.

Owns: what one endpoint's file cannot know alone. Refuses: rules of a single endpoint (`rules`).
"""

from __future__ import annotations

from collections.abc import Iterable

from generator.errors import Violation
from generator.spec.document import Document
from generator.spec.environment import Environment


def check_route(route: str, name: str, others: Iterable[tuple[str, str]], document: Document) -> tuple[Violation, ...]:
    """A violation for each other endpoint (name, route) of the environment that has the same route."""
    taken = [other for other, other_route in others if other != name and _same_route(route, other_route)]
    return tuple(
        document.violation(
            ("spec", "route"),
            f"the route {route} belongs to the endpoint {other}",
            "routes are unique in an environment: choose another one",
            "route-taken",
        )
        for other in taken
    )


def _same_route(one: str, two: str) -> bool:
    return one.rstrip("/") == two.rstrip("/")


def check_gpu_budget(
    gpus: int, held_by_others: int, environment: Environment, document: Document
) -> tuple[Violation, ...]:
    """A violation where the endpoint's GPUs at its least number of replicas pass the environment's budget."""
    budget = environment.spec.policies.max_gpus
    if budget is None or gpus == 0 or held_by_others + gpus <= budget:
        return ()
    return (
        document.violation(
            ("spec", "deployment", "resources", "gpus"),
            f"{gpus} GPUs beside {held_by_others} of other endpoints pass the environment's {budget}",
            "lower GPUs or replicas, stop another endpoint, or raise policies.maxGpus",
            "gpu-budget",
        ),
    )
