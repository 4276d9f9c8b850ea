"""Rules about what stands in the pod as people wrote it for Kubernetes.

Owns: applying `pod_problems` to one endpoint, and names that stand twice. Refuses: the rules themselves, and
environments alone (those are checked when they are read).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.errors import Violation
from generator.spec.case import Case, Rule
from generator.spec.pod_problems import (
    find_annotation_problems,
    find_context_problems,
    find_root_problems,
    find_toleration_problems,
)

STORAGE_URI = "STORAGE_URI"


def check_tolerations(case: Case) -> Iterator[Violation]:
    """Each toleration is one that the API server takes."""
    for path, message, fix in find_toleration_problems(case.endpoint.pod.tolerations):
        yield case.wrong(("pod", "tolerations", *path), message, fix, "toleration")


def check_security_contexts(case: Case) -> Iterator[Violation]:
    """The security contexts of pod and container are possible, each by itself and both together."""
    pod = case.endpoint.pod
    contexts = {"securityContext": pod.security_context, "containerSecurityContext": pod.container_security_context}
    for section, context in contexts.items():
        for path, message, fix in find_context_problems(context):
            yield case.wrong(("pod", section, *path), message, fix, "security-context")
    for section, (path, message, fix) in find_root_problems(pod.security_context, pod.container_security_context):
        yield case.wrong(("pod", section, *path), message, fix, "security-context")


def check_annotations(case: Case) -> Iterator[Violation]:
    """Objects can carry the annotations that both files give together."""
    endpoint = case.endpoint
    sections = {"pod.annotations": endpoint.pod.annotations}
    if endpoint.routing.type == "ingress":
        sections["routing.ingress.annotations"] = endpoint.routing.ingress_annotations
    for section, given in sections.items():
        for _, message, fix in find_annotation_problems(given):
            yield case.wrong(section, message, fix, "annotations")


def check_variables(case: Case) -> Iterator[Violation]:
    """No variable is one that revstamp has to set itself."""
    endpoint = case.endpoint
    names = {variable.name for variable in endpoint.pod.env}
    if STORAGE_URI in names and endpoint.kserve_fetches and endpoint.kserve.predictor == "container":
        message = f"{STORAGE_URI} is set by revstamp: KServe fetches the model by it"
        yield case.wrong_variable(STORAGE_URI, message, "say it by model.storageUri", "env")


POD_RULES: tuple[Rule, ...] = (check_tolerations, check_security_contexts, check_annotations, check_variables)
