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
    """The image, with a tag or a digest."""
    server: Server | None = None
    """Model server in the image; known by the image's name where not given."""
    port: Port | None = None
    """Port of the server, where it is not the server's own."""
    health_path: UrlPath | None = None
    """Path of the probes, where it is not the server's own."""
    args: Annotated[tuple[Text, ...], AsTuple] | None = None
    """Arguments put before those that revstamp makes."""


class DeviceImages(Model):
    """The image for GPUs and the one for CPUs."""

    gpu: ServeImage | None = None
    """Image for GPUs."""
    cpu: ServeImage | None = None
    """Image for CPUs."""

    def for_device(self, device: Device) -> ServeImage | None:
        """The image for `gpu` or `cpu`."""
        return self.gpu if device == "gpu" else self.cpu


class ImageCatalog(Model):
    """Serve images by serve target, and by server for endpoints that choose their server."""

    generation: DeviceImages | None = Field(None, alias="GENERATION")
    """Images that serve GENERATION."""
    rag: DeviceImages | None = Field(None, alias="RAG")
    """Images that serve RAG."""
    servers: dict[Server, DeviceImages] | None = None
    """Images by model server, for endpoints that choose one."""


class GpuPool(Model):
    """Nodes with one kind of card. `spareGpus` are kept free for rollouts; all counts are GPUs, memory is MiB."""

    name: Line
    """Name of the pool, for `gpuPool` of an endpoint."""
    gpu_memory_mib: Positive
    """What the label nvidia.com/gpu.memory of its nodes says."""
    gpus: Count
    """GPUs of the whole pool."""
    gpus_per_node: Positive = 8
    """GPUs of one node: the most that one replica can have."""
    spare_gpus: Count = 0
    """GPUs kept free, so that a new pod can start beside the old one."""
    node_selector: Selector | None = None
    """Labels of its nodes."""
    tolerations: Annotated[tuple[Toleration, ...], AsTuple] | None = None
    """Taints of its nodes."""


class DefaultResources(Model):
    """Cpu and memory of replicas whose endpoint says nothing, by device; GPUs of one that only says `use_gpu`."""

    gpu: DeviceResources | None = None
    """Of a replica on GPUs."""
    cpu: DeviceResources | None = None
    """Of a replica on CPUs."""
    gpus: Positive | None = None
    """GPUs of a replica that only says use_gpu."""


class AutoscalingDefaults(Model):
    """Percent of the CPU request an HPA aims at where the endpoint says nothing; what other metrics mean here."""

    cpu_utilization: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Percent of the CPU request to scale at."""
    metrics: dict[str, Scaling] | None = None
    """The platform's metrics in this cluster: key of the policy to metric."""


class Limits(Model):
    """What no endpoint of the environment may exceed."""

    max_replicas: Positive | None = None
    """Replicas of one endpoint."""
    max_gpus_per_endpoint: Count | None = None
    """GPUs of one endpoint at its most replicas."""
    model_families: Annotated[tuple[Line, ...], AsTuple] | None = None
    """Families that are served here."""
    image_registries: Annotated[tuple[Line, ...], AsTuple] | None = None
    """Registries, or folders of them, that images may come from."""
    mutable_tags: bool | None = None
    """false refuses images without a tag or digest, and latest."""


class AutomaticRollback(Model):
    """Whether a failed revision is rolled back by itself, after how many seconds of looking on."""

    enabled: bool = False
    """Whether a failed revision is rolled back by itself."""
    bake_seconds: Seconds = 60
    """Seconds of looking on before that."""


class Policies(Model):
    """How changes reach the environment."""

    pull_request_required: bool = False
    """Whether changes need a pull request."""
    strategies: Annotated[tuple[Strategy, ...], AsTuple] = ("in-place", "canary", "blue-green")
    """Rollout strategies that endpoints may ask for."""
    max_gpus: Count | None = None
    """GPUs of all endpoints together, at their least replicas."""
    max_concurrent_rollouts: Positive = 3
    """Rollouts at a time."""
    drift: Literal["heal", "report"] = "report"
    """What to do about changes made in the cluster by hand."""
    prune_limit: Count = 50
    """Objects that one pass of the reconciler may delete."""
    automatic_rollback: AutomaticRollback = AutomaticRollback()
    """Whether and when a failed revision is rolled back."""


class EnvironmentMetadata(Model):
    """The environment's name: its folder under `environments/`."""

    name: DnsLabel
    """The environment's name: its folder."""


class EnvironmentSpec(Model):
    """Everything that endpoints of one environment share."""

    namespace: DnsLabel
    """Namespace of everything that is rendered."""
    cluster: Line = "default"
    """Name of the cluster; settings map it to a kubeconfig and context."""
    kubernetes_version: Version = "1.36"
    """The cluster's version, such as 1.36; quote it."""
    framework: Framework = "deployment"
    """Framework of endpoints that name none."""
    kserve: KServe | None = None
    """The cluster's KServe."""
    routing: Routing | None = None
    """How requests reach endpoints."""
    images: ImageCatalog = ImageCatalog()
    """Images of model servers."""
    gpu_pools: Annotated[tuple[GpuPool, ...], AsTuple] = ()
    """Nodes with GPUs, by card."""
    pod: PodDefaults | None = None
    """What every pod gets."""
    resources: DefaultResources | None = None
    """Cpu, memory and GPUs of endpoints that say nothing."""
    budgets: Budgets | None = None
    """Seconds that each phase of a rollout may take."""
    storage: Storage | None = None
    """How models' files reach the pods."""
    autoscaling: AutoscalingDefaults | None = None
    """When to scale, where the endpoint says nothing."""
    limits: Limits = Limits()
    """What no endpoint may exceed."""
    suspend: bool = False
    """true: the reconciler applies nothing of this environment until it is gone again."""
    policies: Policies = Policies()
    """How changes reach the environment."""


class Environment(Model):
    """One environment, as its file gives it."""

    api_version: Literal["revstamp.io/v1"]
    """The format of this file."""
    kind: Literal["Environment"]
    """Environment."""
    metadata: EnvironmentMetadata
    """Its name."""
    spec: EnvironmentSpec
    """What its endpoints share."""


def check_environment_name(name: str) -> None:
    """Raise InvalidInput where the text cannot be the name of an environment, and so of a folder."""
    if not is_dns_label(name):
        raise InvalidInput(f"{name!r} cannot name an environment", hint="use lower-case letters, digits and '-'")
