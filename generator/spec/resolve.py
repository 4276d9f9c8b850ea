"""From an endpoint file and its environment to a resolved endpoint, each value with where it came from.

Owns: the order request → endpoint file → model metadata → environment → built-in default. Refuses: judging the
result (that is `rules`), except where a value that cannot be made up is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.errors import Violation
from generator.spec.document import Document
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.resolve_image import resolve_image
from generator.spec.resolve_model import resolve_deployment
from generator.spec.resolve_pod import resolve_budgets, resolve_capacity, resolve_pod, resolve_resource
from generator.spec.resolve_serving import (
    resolve_autoscaling,
    resolve_initializer_image,
    resolve_kserve,
    resolve_replicas,
    resolve_routing,
)
from generator.spec.resolved import Origin, ResolvedEndpoint
from generator.spec.sections import Device
from generator.spec.sources import Sources


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolved endpoint, or what is missing for one; notices are for the plan."""

    endpoint: ResolvedEndpoint | None
    violations: tuple[Violation, ...] = ()
    notices: tuple[str, ...] = ()


def resolve_endpoint(
    endpoint: Endpoint, document: Document, environment: Environment, environment_document: Document
) -> Resolution:
    """Decide every value of the endpoint. Violations name what is missing and how to supply it."""
    sources = Sources(endpoint, document, environment, environment_document)
    resolved = _assemble(sources)
    violations = tuple(sources.violations)
    return Resolution(None if violations else resolved, violations, tuple(sources.notices))


def _assemble(sources: Sources) -> ResolvedEndpoint | None:
    """The endpoint with nothing left open; None where a value is missing that nobody can make up."""
    deployment = resolve_deployment(sources)
    if deployment is None:
        return None
    device: Device = "gpu" if deployment.use_gpu else "cpu"
    metadata = sources.endpoint.metadata
    _note_identity(sources)
    image, server, entry = resolve_image(sources, deployment, device)
    replicas = {bound: resolve_replicas(sources, bound) for bound in ("min", "max")}
    resources = {field: resolve_resource(sources, field, device) for field in ("cpu", "memory")}
    budgets = resolve_budgets(sources)
    pool, rollout = resolve_capacity(sources, deployment, device, replicas["min"], budgets)
    return ResolvedEndpoint(
        name=metadata.name,
        id=metadata.id,
        environment=sources.environment.metadata.name,
        namespace=_environment_value(sources, "namespace"),
        owner=metadata.owner,
        labels=dict(metadata.labels or {}),
        route=sources.spec.route,
        framework=sources.pick("framework"),
        kubernetes_version=_environment_value(sources, "kubernetes_version").removeprefix("v"),
        kserve=resolve_kserve(sources),
        model=sources.spec.model,
        deployment=deployment,
        device=device,
        image=image,
        server=server,
        port=entry.port if entry else None,
        health_path=entry.health_path if entry else None,
        image_args=(entry.args or ()) if entry else (),
        args=sources.pick("args", default=()),
        min_replicas=replicas["min"],
        max_replicas=replicas["max"],
        autoscaling=resolve_autoscaling(sources, resources["cpu"][0]),
        metrics=dict((sources.env.autoscaling.metrics if sources.env.autoscaling else None) or {}),
        cpu_request=resources["cpu"][0],
        cpu_limit=resources["cpu"][1],
        memory_request=resources["memory"][0],
        memory_limit=resources["memory"][1],
        gpu_pool=pool,
        routing=resolve_routing(sources),
        pod=resolve_pod(sources, device, resources["memory"][1]),
        budgets=budgets,
        storage_initializer_image=resolve_initializer_image(sources),
        storage_credentials=sources.pick("storage.credentials", default=()),
        rollout=rollout,
        origins=sources.origins,
    )


def _note_identity(sources: Sources) -> None:
    """Origins of what no environment and no default can give."""
    metadata, spec = sources.endpoint.metadata, sources.spec
    sources.note_given("name", ("metadata", "name"), metadata.name)
    sources.note_given("labels", ("metadata", "labels"), metadata.labels)
    sources.note_given("owner", ("metadata", "owner"), metadata.owner)
    sources.note_given("route", ("spec", "route"), spec.route)
    sources.note_given("model", ("spec", "model"), spec.model)
    sources.note_given("model.storageUri", ("spec", "model", "storageUri"), spec.model.storage_uri)


def _environment_value(sources: Sources, name: str) -> Any:
    camel = "kubernetesVersion" if name == "kubernetes_version" else name
    given = camel in (sources.env_document.data or {}).get("spec", {})
    origin = sources.from_environment(("spec", camel)) if given else Origin("default", "revstamp's default")
    return sources.note(camel, getattr(sources.env, name), origin)
