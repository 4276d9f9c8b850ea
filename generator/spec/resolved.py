"""A resolved endpoint: every value decided, each with where it came from.

Owns: the frozen value that rendering reads. Refuses: how the values are found (that is `resolve`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from generator.spec.environment import GpuPool
from generator.spec.model import CatalogModel, DeploymentSpec
from generator.spec.names import storage_scheme
from generator.spec.sections import (
    Device,
    EnvVar,
    Framework,
    Scaling,
    Server,
    StorageCredentials,
    Toleration,
)

Source = Literal["request", "file", "model", "environment", "default", "rule"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value came from: the kind of source, the place (`file:line`, `request memoryLimit`), and a remark."""

    source: Source
    place: str = ""
    note: str = ""

    def __str__(self) -> str:
        text = self.place or self.source
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True, slots=True)
class ResolvedRouting:
    """The route object: its type, host (None: any) and parents; the time limit of one request in seconds."""

    type: Literal["gateway", "ingress", "none"]
    host: str | None
    gateway_name: str
    gateway_namespace: str | None
    gateway_section: str | None
    ingress_class: str
    ingress_annotations: Mapping[str, str]
    ingress_tls_secret: str | None
    request_timeout_seconds: int


@dataclass(frozen=True, slots=True)
class ResolvedPod:
    """What the pod gets beside its model server; empty where nothing was asked for. `shm_size` is canonical."""

    service_account_name: str | None
    image_pull_secrets: tuple[str, ...]
    tolerations: tuple[Toleration, ...]
    node_selector: Mapping[str, str]
    priority_class_name: str | None
    runtime_class_name: str | None
    security_context: Mapping[str, Any]
    container_security_context: Mapping[str, Any]
    env: tuple[EnvVar, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    shm_size: str | None


@dataclass(frozen=True, slots=True)
class ResolvedBudgets:
    """Seconds that each phase of a rollout may take."""

    capacity_seconds: int
    download_seconds: int
    load_seconds: int
    pre_stop_seconds: int
    drain_seconds: int
    progress_deadline_seconds: int

    @property
    def termination_grace_seconds(self) -> int:
        """Longer than the pause before the stop signal, the drain, and ten seconds of cleaning up."""
        return self.pre_stop_seconds + self.drain_seconds + 10


@dataclass(frozen=True, slots=True)
class ResolvedKServe:
    """KServe of the environment: `version` without `v`, predictor by container or by model format."""

    version: str
    mode: Literal["Standard", "Knative"]
    predictor: Literal["container", "model"]
    model_format: str
    runtime: str | None

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor number, for comparing."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def mode_annotation(self) -> str:
        """The mode as this version spells it: up to 0.15 `RawDeployment` and `Serverless` (kubernetes-rules)."""
        if self.minor >= (0, 16):
            return self.mode
        return {"Standard": "RawDeployment", "Knative": "Serverless"}[self.mode]


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """How pods are replaced. Counts are pods; `gpus_needed` are GPUs beyond those held; `downtime` is for people."""

    max_surge: int
    max_unavailable: int
    gpus_needed: int
    downtime: str


@dataclass(frozen=True, slots=True)
class ResolvedEndpoint:
    """One endpoint with nothing left open. Quantities are canonical; None means: not set in the manifest.

    `origins` maps a dotted field name such as `memory.limit` to where its value came from.
    """

    name: str
    id: str | None
    environment: str
    namespace: str
    owner: str | None
    labels: Mapping[str, str]
    route: str
    framework: Framework
    kubernetes_version: str
    kserve: ResolvedKServe
    model: CatalogModel
    deployment: DeploymentSpec
    device: Device
    image: str
    server: Server
    port: int | None
    health_path: str | None
    image_args: tuple[str, ...]
    args: tuple[str, ...]
    min_replicas: int
    max_replicas: int
    autoscaling: Mapping[str, Any]
    metrics: Mapping[str, Scaling]
    cpu_request: str | None
    cpu_limit: str | None
    memory_request: str | None
    memory_limit: str | None
    gpu_pool: GpuPool | None
    routing: ResolvedRouting
    pod: ResolvedPod
    budgets: ResolvedBudgets
    storage_initializer_image: str
    storage_credentials: tuple[StorageCredentials, ...]
    rollout: RolloutPlan
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)

    @property
    def is_external(self) -> bool:
        """Whether the model is served elsewhere, so that nothing is deployed."""
        return self.model.type == "external"

    @property
    def is_stopped(self) -> bool:
        """Whether the endpoint is to run no pods at all."""
        return self.max_replicas == 0

    @property
    def gpus(self) -> int:
        """GPUs of one replica; zero on a CPU."""
        return self.deployment.resources.gpus if self.device == "gpu" else 0

    @property
    def kserve_fetches(self) -> bool:
        """Whether KServe's own storage initializer brings the model, and reads from where in `STORAGE_URI`."""
        uri, kserve = self.model.storage_uri, self.kserve
        if self.framework != "kserve" or uri is None:
            return False
        return kserve.predictor == "model" or kserve.mode == "Knative" or storage_scheme(uri) == "oci"

    @property
    def gpus_held(self) -> int:
        """GPUs that the least number of replicas holds."""
        return self.gpus * self.min_replicas

    @property
    def scales(self) -> bool:
        """Whether an autoscaler chooses the number of replicas: there is room between the bounds and a metric."""
        return self.min_replicas < self.max_replicas and bool(self.autoscaling)
