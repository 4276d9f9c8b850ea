"""Rules about the model, its spec, its image and its name.

Owns: what the platform's contract asks of a DeploymentSpec. Refuses: counting anything (that is `rules_capacity`).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.errors import Violation
from generator.spec.case import Case, Rule
from generator.spec.names import ImageReference, storage_scheme

KSERVE_HOST_LABEL = 52
"""`<name>-predictor-<namespace>` is one label of the host that KServe makes (its default domain template)."""


def check_model_status(case: Case) -> Iterator[Violation]:
    """Only approved models are deployed."""
    status = case.endpoint.model.status
    if status != "approved":
        yield case.wrong(
            "model.status",
            f"the model is {status}, only approved models are deployed",
            "have the model approved in the catalogue, then import it again",
            "model-status",
        )


def check_model_storage(case: Case) -> Iterator[Violation]:
    """An internal model has files, in a place that the framework can load from."""
    uri = case.endpoint.model.storage_uri
    if uri is None:
        yield case.wrong(
            "model.storageUri",
            "an internal model needs a storage_uri: there are no files to load",
            "set the model's storage_uri in the catalogue, or spec.model.storageUri here",
            "storage",
        )
    elif storage_scheme(uri) == "oci" and case.endpoint.framework == "deployment":
        yield case.wrong(
            "model.storageUri",
            "oci:// models are loaded by KServe only",
            "use framework kserve, or another storage",
            "storage",
        )
    elif storage_scheme(uri) == "pvc" and uri.count("/") < 3:
        yield case.wrong("model.storageUri", f"{uri!r} names no path in the claim", "write pvc://claim/path", "storage")


def check_job_pair(case: Case) -> Iterator[Violation]:
    """RAG_TUNING goes only with RAG, every other job type only with GENERATION."""
    spec = case.endpoint.deployment
    if spec.job_type == "RAG_TUNING" and spec.serve_target != "RAG":
        yield case.wrong(
            "deployment.serve_target",
            f"RAG_TUNING serves only RAG, not {spec.serve_target}",
            "use serve_target RAG, or another job_type",
            "job-pair",
        )
    elif spec.job_type != "RAG_TUNING" and spec.serve_target != "GENERATION":
        yield case.wrong(
            "deployment.serve_target",
            f"{spec.job_type} serves only GENERATION, not {spec.serve_target}",
            "use serve_target GENERATION, or job_type RAG_TUNING",
            "job-pair",
        )


def check_family(case: Case) -> Iterator[Violation]:
    """The spec's family is the model's own, and one that the environment serves."""
    family, own = case.endpoint.deployment.model_family, case.endpoint.model.family
    if family != own:
        yield case.wrong(
            "deployment.model_family",
            f"model_family is {family}, but the model is {own}",
            f"use model_family {own}",
            "family",
        )
    allowed = case.environment.spec.limits.model_families
    if allowed is not None and own not in allowed:
        yield case.wrong(
            "model.family",
            f"the environment does not serve the family {own}",
            f"served here: {', '.join(allowed)}",
            "family",
        )


def check_tokens(case: Case) -> Iterator[Violation]:
    """An input fits into the model's window, where that is known."""
    window, asked = case.endpoint.model.max_position_embeddings, case.endpoint.deployment.runtime.max_input_tokens
    if window is not None and asked > window:
        yield case.wrong(
            "deployment.runtime.max_input_tokens",
            f"max_input_tokens {asked} is above the model's {window} (max_position_embeddings)",
            f"use at most {window}",
            "tokens",
        )


def check_rollout(case: Case) -> Iterator[Violation]:
    """The environment allows the strategy; a canary says how traffic is shared."""
    rollout = case.endpoint.deployment.rollout
    strategy = rollout.strategy if rollout else "in-place"
    allowed = case.environment.spec.policies.strategies
    if strategy not in allowed:
        yield case.wrong(
            "deployment.rollout.strategy",
            f"the environment does not allow {strategy} rollouts",
            f"allowed here: {', '.join(allowed)}",
            "strategy",
        )
    if rollout is None:
        return
    split = rollout.traffic_split
    if strategy == "canary" and split is None:
        yield case.wrong(
            "deployment.rollout.traffic_split",
            "canary needs traffic_split",
            "add traffic_split with old and new, such as 90 and 10",
            "canary",
        )
    elif split is not None and split.old + split.new != 100:
        yield case.wrong(
            "deployment.rollout.traffic_split",
            f"traffic_split: {split.old} + {split.new} is {split.old + split.new}, not 100",
            "make old and new add up to 100",
            "canary",
        )


def check_image(case: Case) -> Iterator[Violation]:
    """The image is from an allowed registry and, where asked for, always the same one."""
    limits = case.environment.spec.limits
    image = case.endpoint.image
    reference = ImageReference.parse(image)
    if reference is None:
        return
    allowed = limits.image_registries
    repository = reference.repository
    if allowed is not None and not any(
        repository == entry or repository.startswith(entry.rstrip("/") + "/") for entry in allowed
    ):
        yield case.wrong(
            "image",
            f"the image {image} is from a registry that the environment does not allow",
            f"allowed: {', '.join(allowed)}",
            "image",
        )
    if limits.mutable_tags is False and reference.is_mutable:
        yield case.wrong("image", f"the image {image} may be another one tomorrow", "name a tag or a digest", "image")


def check_kserve_name(case: Case) -> Iterator[Violation]:
    """KServe makes one host label of name and namespace."""
    endpoint = case.endpoint
    length = len(endpoint.name) + len(endpoint.namespace)
    if endpoint.framework == "kserve" and length > KSERVE_HOST_LABEL:
        yield case.document.violation(
            ("metadata", "name"),
            f"name and namespace together are {length} characters, KServe makes a host label of them",
            f"at most {KSERVE_HOST_LABEL} together",
            "name",
        )


MODEL_RULES: tuple[Rule, ...] = (check_model_status,)
SPEC_RULES: tuple[Rule, ...] = (
    check_model_storage,
    check_job_pair,
    check_family,
    check_tokens,
    check_rollout,
    check_image,
    check_kserve_name,
)
