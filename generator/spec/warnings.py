"""What a plan warns about: allowed, but perhaps not what was meant.

Owns: these sentences. Refuses: refusing.
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.spec.case import Case, Warn
from generator.spec.names import ImageReference, storage_scheme
from generator.spec.plain_secrets import find_secret_arguments, holds_plain_secret
from generator.spec.rules_capacity import KNOWN_POLICIES
from generator.spec.text import MAX_SHOWN, shown

KSERVE_STANDARD_DEADLINE = 600
"""KServe's Standard mode has no progress deadline of one's own: it is stuck at Kubernetes' 600 s."""


def _warn_tokens(case: Case) -> Iterator[str]:
    endpoint = case.endpoint
    window, runtime = endpoint.model.max_position_embeddings, endpoint.deployment.runtime
    total = runtime.max_input_tokens + runtime.max_output_tokens
    if window is not None and total > window:
        yield (
            f"max_input_tokens {runtime.max_input_tokens} + max_output_tokens {runtime.max_output_tokens} is above the "
            f"model's {window}: the server's limit is {window}, long inputs leave less room for output"
        )


def _warn_window(case: Case) -> Iterator[str]:
    model = case.endpoint.model
    given = model.metadata.get("max_position_embeddings")
    if given is not None and model.max_position_embeddings is None:
        yield (
            f"the model's max_position_embeddings {shown(given)} is not a whole number above zero: "
            "token limits are not checked against it"
        )


def _warn_strategy(case: Case) -> Iterator[str]:
    endpoint = case.endpoint
    rollout = endpoint.deployment.rollout
    if rollout is None:
        return
    knative = endpoint.framework == "kserve" and endpoint.kserve.mode == "Knative"
    if not (rollout.strategy == "canary" and knative):
        what = "KServe in Standard mode" if endpoint.framework == "kserve" else "a Deployment"
        what = "Knative" if knative else what
        yield (
            f"the strategy {rollout.strategy} is kept in the endpoint's file, but {what} cannot do it yet: "
            "the rollout will be in place"
        )


def _warn_autoscaling(case: Case) -> Iterator[str]:
    for key in case.endpoint.autoscaling:
        if key not in KNOWN_POLICIES and key not in case.endpoint.metrics:
            yield f"autoscaling.{_name(key)} is kept, but revstamp knows no such metric: it is not applied"


def _name(key: str) -> str:
    """A key as people can read it, whatever is in it."""
    return key if key.isprintable() and len(key) <= MAX_SHOWN else shown(key)


def _warn_image(case: Case) -> Iterator[str]:
    reference = ImageReference.parse(case.endpoint.image)
    if reference is not None and reference.is_mutable:
        yield (
            f"the image {case.endpoint.image} may be another one tomorrow: pods pull it at every start, and a rollback "
            "cannot bring back what ran; name a version or a digest"
        )


def _warn_deadline(case: Case) -> Iterator[str]:
    endpoint = case.endpoint
    budgets = endpoint.budgets
    needed = budgets.download_seconds + budgets.load_seconds
    if endpoint.framework == "kserve" and endpoint.kserve.mode == "Standard" and needed > KSERVE_STANDARD_DEADLINE:
        yield (
            f"download and load may take {needed} s, but KServe's Standard mode reports a rollout of more than "
            f"{KSERVE_STANDARD_DEADLINE} s as failed, which it need not be: its pods go on loading"
        )


def _warn_capacity(case: Case) -> Iterator[str]:
    endpoint = case.endpoint
    if endpoint.gpus and not case.environment.spec.gpu_pools:
        yield "the environment declares no GPU pools: no GPU is taken to be spare for a rollout"


def _warn_kserve_resources(case: Case) -> Iterator[str]:
    endpoint = case.endpoint
    if endpoint.framework != "kserve" or endpoint.kserve.predictor == "model":
        return  # a serving runtime brings resources of its own
    for name, limit, default in (("cpu", endpoint.cpu_limit, "1 CPU"), ("memory", endpoint.memory_limit, "2Gi")):
        if limit is None:
            yield f"no {name} is given for the replicas: KServe sets request and limit to {default}"


def _warn_plain_secrets(case: Case) -> Iterator[str]:
    endpoint = case.endpoint
    scheme = storage_scheme(endpoint.model.storage_uri or "")
    storage = (entry.env or {} for entry in endpoint.storage_credentials if entry.scheme == scheme)
    plain = [(variable.name, variable.value) for variable in endpoint.pod.env]
    plain += [item for entry in storage for item in entry.items()]
    for name, value in plain:
        if value is not None and holds_plain_secret(name, value):
            yield f"the variable {name} looks like a secret, but its value stands in git: take it from a Secret"
    for flag in find_secret_arguments((*endpoint.image_args, *endpoint.args)):
        yield (
            f"the argument {flag} looks like a secret, but its value stands in git: most servers take it from a "
            "variable, which can come from a Secret"
        )


WARNINGS: tuple[Warn, ...] = (
    _warn_tokens,
    _warn_window,
    _warn_strategy,
    _warn_autoscaling,
    _warn_image,
    _warn_deadline,
    _warn_capacity,
    _warn_kserve_resources,
    _warn_plain_secrets,
)
