"""The environment file: `apiVersion: revstamp.io/v1, kind: Environment`.

Owns: what endpoints of one environment share. Refuses: credentials (Secrets are named, never held) and how to reach
the cluster (its name is mapped by settings).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from generator.errors import InvalidInput
from generator.spec.base import AsTuple, DnsLabel, Image, Line, Model, Text, Version
from generator.spec.model import Count, Positive
from generator.spec.names import is_dns_label
from generator.spec.section_types import Device, Framework, Port, Seconds, Selector, Server, UrlPath
from generator.spec.sections import (
    Budgets,
    DeviceResources,
    KServe,
    PodDefaults,
    Routing,
    Scaling,
    Storage,
    Toleration,
)

Strategy = Literal["in-place", "canary", "blue-green"]


class ServeImage(Model):
    """An image of a model server, with what differs from the server's own ways."""

    image: Image
    server: Server | None = None
    port: Port | None = None
    health_path: UrlPath | None = None
    args: Annotated[tuple[Text, ...], AsTuple] | None = None


class DeviceImages(Model):
    """The image for GPUs and the one for CPUs."""

    gpu: ServeImage | None = None
    cpu: ServeImage | None = None

    def for_device(self, device: Device) -> ServeImage | None:
        """The image for `gpu` or `cpu`."""
        return self.gpu if device == "gpu" else self.cpu


class ImageCatalog(Model):
    """Serve images by serve target, and by server for endpoints that choose their server."""

    generation: DeviceImages | None = Field(None, alias="GENERATION")
    rag: DeviceImages | None = Field(None, alias="RAG")
    servers: dict[Server, DeviceImages] | None = None


class GpuPool(Model):
    """Nodes with one kind of card. `spareGpus` are kept free for rollouts; all counts are GPUs, memory is MiB."""

    name: Line
    gpu_memory_mib: Positive
    gpus: Count
    gpus_per_node: Positive = 8
    spare_gpus: Count = 0
    node_selector: Selector | None = None
    tolerations: Annotated[tuple[Toleration, ...], AsTuple] | None = None


class DefaultResources(Model):
    """Cpu and memory of replicas whose endpoint says nothing, by device; GPUs of one that only says `use_gpu`."""

    gpu: DeviceResources | None = None
    cpu: DeviceResources | None = None
    gpus: Positive | None = None


class AutoscalingDefaults(Model):
    """Percent of the CPU request an HPA aims at where the endpoint says nothing; what other metrics mean here."""

    cpu_utilization: Annotated[int, Field(ge=1, le=1000)] | None = None
    metrics: dict[str, Scaling] | None = None


class Limits(Model):
    """What no endpoint of the environment may exceed."""

    max_replicas: Positive | None = None
    max_gpus_per_endpoint: Count | None = None
    model_families: Annotated[tuple[Line, ...], AsTuple] | None = None
    image_registries: Annotated[tuple[Line, ...], AsTuple] | None = None
    mutable_tags: bool | None = None


class AutomaticRollback(Model):
    """Whether a failed revision is rolled back by itself, after how many seconds of looking on."""

    enabled: bool = False
    bake_seconds: Seconds = 60


class Policies(Model):
    """How changes reach the environment."""

    pull_request_required: bool = False
    strategies: Annotated[tuple[Strategy, ...], AsTuple] = ("in-place", "canary", "blue-green")
    max_gpus: Count | None = None
    max_concurrent_rollouts: Positive = 3
    drift: Literal["heal", "report"] = "report"
    automatic_rollback: AutomaticRollback = AutomaticRollback()


class EnvironmentMetadata(Model):
    """The environment's name: its folder under `environments/`."""

    name: DnsLabel


class EnvironmentSpec(Model):
    """Everything that endpoints of one environment share."""

    namespace: DnsLabel
    cluster: Line = "default"
    kubernetes_version: Version = "1.36"
    framework: Framework = "deployment"
    kserve: KServe | None = None
    routing: Routing | None = None
    images: ImageCatalog = ImageCatalog()
    gpu_pools: Annotated[tuple[GpuPool, ...], AsTuple] = ()
    pod: PodDefaults | None = None
    resources: DefaultResources | None = None
    budgets: Budgets | None = None
    storage: Storage | None = None
    autoscaling: AutoscalingDefaults | None = None
    limits: Limits = Limits()
    policies: Policies = Policies()


class Environment(Model):
    """One environment, as its file gives it."""

    api_version: Literal["revstamp.io/v1"]
    kind: Literal["Environment"]
    metadata: EnvironmentMetadata
    spec: EnvironmentSpec


def check_environment_name(name: str) -> None:
    """Raise InvalidInput where the text cannot be the name of an environment, and so of a folder."""
    if not is_dns_label(name):
        raise InvalidInput(f"{name!r} cannot name an environment", hint="use lower-case letters, digits and '-'")
