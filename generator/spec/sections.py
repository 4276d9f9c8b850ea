"""The sections that an environment gives as defaults and an endpoint may override, field by field.

Owns: routing, pods, budgets, storage, KServe and resources, every field optional. Refuses: which value wins (that is
`resolve`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from generator.spec.base import AsTuple, DnsLabel, FreeForm, Image, Line, Model, ObjectName, Quantity, Text, Version
from generator.spec.model import Positive
from generator.spec.section_types import (
    Annotations,
    EnvName,
    Host,
    LabelKey,
    Labels,
    LabelValue,
    Seconds,
    SecretKeyName,
    Selector,
)
from generator.spec.section_types import Device as Device
from generator.spec.section_types import Framework as Framework
from generator.spec.section_types import Server as Server


class GatewayRef(Model):
    """The Gateway that an HTTPRoute attaches to."""

    name: ObjectName
    namespace: DnsLabel | None = None
    section_name: ObjectName | None = None


class IngressClass(Model):
    """How an Ingress is marked; `annotations` are added to those that revstamp needs."""

    class_name: ObjectName | None = None
    annotations: Annotations | None = None
    tls_secret: ObjectName | None = None


class Routing(Model):
    """How requests reach the endpoint: HTTPRoute, nginx Ingress, or no route object at all."""

    type: Literal["gateway", "ingress", "none"] | None = None
    host: Host | None = None
    gateway: GatewayRef | None = None
    ingress: IngressClass | None = None
    request_timeout_seconds: Annotated[int, Field(ge=1, le=24 * 3600)] | None = None


class SecretKey(Model):
    """One key of a Secret in the environment's namespace; only the reference is ever rendered."""

    name: ObjectName
    key: SecretKeyName


class EnvVar(Model):
    """One environment variable of the model server: a plain value or a reference to a Secret's key."""

    name: EnvName
    value: Text | None = None
    secret: SecretKey | None = None


class Toleration(Model):
    """A Kubernetes toleration."""

    key: LabelKey | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Seconds | None = None


class PodDefaults(Model):
    """What every pod of an environment gets. Maps and `env` merge by key with the endpoint's, lists are replaced."""

    service_account_name: ObjectName | None = None
    image_pull_secrets: Annotated[tuple[ObjectName, ...], AsTuple] | None = None
    tolerations: Annotated[tuple[Toleration, ...], AsTuple] | None = None
    node_selector: Selector | None = None
    priority_class_name: ObjectName | None = None
    runtime_class_name: ObjectName | None = None
    security_context: FreeForm | None = None
    container_security_context: FreeForm | None = None
    env: Annotated[tuple[EnvVar, ...], AsTuple] | None = None
    labels: Labels | None = None
    annotations: Annotations | None = None
    shm_size: Quantity | None = None


class Budgets(Model):
    """How long each phase of a rollout may take, in seconds, before it counts as failed."""

    capacity_seconds: Seconds | None = None
    download_seconds: Seconds | None = None
    load_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] | None = None
    pre_stop_seconds: Seconds | None = None
    drain_seconds: Seconds | None = None
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class StorageCredentials(Model):
    """Credentials of one URI scheme: environment variable of the storage initializer → key of the Secret."""

    scheme: Literal["s3", "gs", "hf", "hdfs", "webhdfs", "modelscope", "http", "https"]
    secret: ObjectName
    keys: dict[EnvName, SecretKeyName]
    env: dict[EnvName, Text] | None = None


class Storage(Model):
    """How a model's files reach the pod."""

    initializer_image: Image | None = None
    credentials: Annotated[tuple[StorageCredentials, ...], AsTuple] | None = None


class ResourceRange(Model):
    """Request and limit of one resource."""

    request: Quantity | None = None
    limit: Quantity | None = None


class DeviceResources(Model):
    """Cpu and memory of one replica."""

    cpu: ResourceRange | None = None
    memory: ResourceRange | None = None


class KServe(Model):
    """Which KServe a cluster runs, and how its InferenceServices are made."""

    version: Version | None = None
    mode: Literal["Standard", "Knative"] | None = None
    predictor: Literal["container", "model"] | None = None
    model_format: Line | None = None
    runtime: ObjectName | None = None


class Scaling(Model):
    """What an autoscale metric of the platform means in this cluster's metrics API."""

    type: Literal["Pods", "External"] = "Pods"
    metric: Line
    selector: Selector | None = None
    divisor: Positive = 1
