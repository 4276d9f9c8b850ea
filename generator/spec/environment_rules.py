"""Rules inside one environment file: what needs two of its fields.

Owns: names that stand twice, bounds that contradict each other. Refuses: endpoints (that is `rules`).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.errors import Violation
from generator.spec.document import Document, Path
from generator.spec.environment import Environment
from generator.spec.pod_problems import (
    find_annotation_problems,
    find_context_problems,
    find_root_problems,
    find_toleration_problems,
)
from generator.spec.quantity import quantity_value
from generator.spec.sections import IngressClass, PodDefaults, Routing

Finding = tuple[Path, str, str]


def check_environment(environment: Environment, document: Document) -> tuple[Violation, ...]:
    """Every contradiction inside the environment's file, at its place."""
    found = [*_pools(environment), *_resources(environment), *_budgets(environment)]
    found += [*_variables(environment), *_credentials(environment), *_pods(environment)]
    return tuple(document.violation(("spec", *path), message, fix, "environment") for path, message, fix in found)


def _pools(environment: Environment) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, pool in enumerate(environment.spec.gpu_pools):
        if pool.name in seen:
            yield ("gpuPools", index, "name"), f"two GPU pools are called {pool.name!r}", "rename one of them"
        seen.add(pool.name)
        if pool.spare_gpus > pool.gpus:
            message = f"{pool.spare_gpus} spare GPUs are more than the {pool.gpus} of the pool"
            yield ("gpuPools", index, "spareGpus"), message, f"at most {pool.gpus}"


def _resources(environment: Environment) -> Iterator[Finding]:
    defaults = environment.spec.resources
    for device in ("gpu", "cpu"):
        given = getattr(defaults, device) if defaults else None
        for name in ("cpu", "memory"):
            bounds = getattr(given, name) if given else None
            if bounds is None or bounds.request is None or bounds.limit is None:
                continue
            if quantity_value(bounds.request) > quantity_value(bounds.limit):
                message = f"the {name} request {bounds.request} is above the limit {bounds.limit}"
                yield ("resources", device, name, "limit"), message, "raise the limit or lower the request"


def _budgets(environment: Environment) -> Iterator[Finding]:
    budgets = environment.spec.budgets
    if budgets is None or budgets.progress_deadline_seconds is None or budgets.load_seconds is None:
        return
    if budgets.progress_deadline_seconds <= budgets.load_seconds:
        message = f"the deadline is not above the startup budget of {budgets.load_seconds} s"
        yield ("budgets", "progressDeadlineSeconds"), message, "raise it, or leave it out"


def _variables(environment: Environment) -> Iterator[Finding]:
    pod = environment.spec.pod
    for index, variable in enumerate((pod.env if pod else None) or ()):
        if (variable.value is None) == (variable.secret is None):
            message = f"the variable {variable.name} needs either value or secret"
            yield ("pod", "env", index), message, "give one of the two"


def _pods(environment: Environment) -> Iterator[Finding]:
    """What no endpoint could be deployed with, unless it overrides it."""
    pod = environment.spec.pod or PodDefaults()
    for path, message, fix in find_toleration_problems(pod.tolerations or ()):
        yield ("pod", "tolerations", *path), message, fix
    for index, pool in enumerate(environment.spec.gpu_pools):
        for path, message, fix in find_toleration_problems(pool.tolerations or ()):
            yield ("gpuPools", index, "tolerations", *path), message, fix
    contexts = (pod.security_context or {}, pod.container_security_context or {})
    for section, context in zip(("securityContext", "containerSecurityContext"), contexts, strict=True):
        for path, message, fix in find_context_problems(context):
            yield ("pod", section, *path), message, fix
    for section, (path, message, fix) in find_root_problems(*contexts):
        yield ("pod", section, *path), message, fix
    ingress = (environment.spec.routing or Routing()).ingress or IngressClass()
    for given, place in ((pod.annotations, ("pod",)), (ingress.annotations, ("routing", "ingress"))):
        for _, message, fix in find_annotation_problems(given or {}):
            yield (*place, "annotations"), message, fix


def _credentials(environment: Environment) -> Iterator[Finding]:
    storage = environment.spec.storage
    seen: set[str] = set()
    for index, entry in enumerate((storage.credentials if storage else None) or ()):
        if entry.scheme in seen:
            message = f"{entry.scheme} has two sets of credentials"
            yield ("storage", "credentials", index, "scheme"), message, "keep one of them"
        seen.add(entry.scheme)
