"""The sections that an environment gives as defaults and an endpoint may override, field by field.

Owns: routing, pods, budgets, storage, KServe and resources, every field optional. Refuses: which value wins (that is
`resolve`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from generator.spec.base import (
    AsTuple,
    DnsLabel,
    FreeForm,
    Image,
    Line,
    Model,
    ObjectName,
    Quantity,
    Text,
    Version,
    wrong,
)
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
from generator.spec.text import shown


class GatewayRef(Model):
    """The Gateway that an HTTPRoute attaches to."""

    name: ObjectName | None = None
    """Name of the Gateway."""
    namespace: DnsLabel | None = None
    """Its namespace, where it is not the environment's."""
    section_name: ObjectName | None = None
    """The listener to attach to."""


class IngressClass(Model):
    """How an Ingress is marked; `annotations` are added to those that revstamp needs."""

    class_name: ObjectName | None = None
    """Name of the IngressClass."""
    annotations: Annotations | None = None
    """Further annotations of the Ingress."""
    tls_secret: ObjectName | None = None
    """Secret with the certificate of the host."""


class Routing(Model):
    """How requests reach the endpoint: HTTPRoute, nginx Ingress, or no route object at all."""

    type: Literal["gateway", "ingress", "none"] | None = None
    """gateway: HTTPRoute; ingress: nginx Ingress; none: no route object."""
    host: Host | None = None
    """Host name of the route, perhaps with a wildcard first."""
    gateway: GatewayRef | None = None
    """The Gateway of an HTTPRoute."""
    ingress: IngressClass | None = None
    """How an Ingress is marked."""
    request_timeout_seconds: Annotated[int, Field(ge=1, le=24 * 3600)] | None = None
    """How long one request may take."""


class SecretKey(Model):
    """One key of a Secret in the environment's namespace; only the reference is ever rendered."""

    name: ObjectName
    """Name of the Secret."""
    key: SecretKeyName
    """Key in the Secret."""


class EnvVar(Model):
    """One environment variable of the model server: a plain value or a reference to a Secret's key."""

    name: EnvName
    """Name of the variable."""
    value: Text | None = None
    """Its value, as text."""
    secret: SecretKey | None = None
    """The Secret's key that holds the value."""


def _check_unique_names(value: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
    names = [variable.name for variable in value]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise wrong(f"the variable {twice} is given twice", "give it once")
    return value


def _check_given_once(value: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for name in value if value.count(name) > 1), None)
    if twice is not None:
        raise wrong(f"{shown(twice)} is given twice", "give it once")
    return value


class Toleration(Model):
    """A Kubernetes toleration."""

    key: LabelKey | None = None
    """Key of the taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """Equal compares the value, Exists does not."""
    value: LabelValue | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; all where none is given."""
    toleration_seconds: Seconds | None = None
    """How long NoExecute is tolerated."""


class PodDefaults(Model):
    """What every pod of an environment gets. Maps and `env` merge by key with the endpoint's, lists are replaced."""

    service_account_name: ObjectName | None = None
    """Service account of the pods."""
    image_pull_secrets: Annotated[tuple[ObjectName, ...], AsTuple, AfterValidator(_check_given_once)] | None = None
    """Secrets to pull images with."""
    tolerations: Annotated[tuple[Toleration, ...], AsTuple] | None = None
    """Taints that the pods stand."""
    node_selector: Selector | None = None
    """Labels that a node must have."""
    priority_class_name: ObjectName | None = None
    """Priority class of the pods."""
    runtime_class_name: ObjectName | None = None
    """Runtime class of the pods."""
    security_context: FreeForm | None = None
    """The pod's securityContext, as Kubernetes has it."""
    container_security_context: FreeForm | None = None
    """The container's securityContext, as Kubernetes has it."""
    env: Annotated[tuple[EnvVar, ...], AsTuple, AfterValidator(_check_unique_names)] | None = None
    """Environment variables of the model server; merged by name."""
    labels: Labels | None = None
    """Labels of the pods; merged by key."""
    annotations: Annotations | None = None
    """Annotations of the pods; merged by key."""
    shm_size: Quantity | None = None
    """Size of /dev/shm on GPUs; counts against the memory limit."""


class Budgets(Model):
    """How long each phase of a rollout may take, in seconds, before it counts as failed."""

    capacity_seconds: Seconds | None = None
    """Waiting for GPUs."""
    download_seconds: Seconds | None = None
    """Downloading the model's files."""
    load_seconds: Annotated[int, Field(ge=1, le=7 * 24 * 3600)] | None = None
    """From the start of the server to ready: its startup probe."""
    pre_stop_seconds: Seconds | None = None
    """Pause before the stop signal, while routes forget the pod."""
    drain_seconds: Seconds | None = None
    """Finishing answers under way."""
    failing_seconds: Seconds | None = None
    """How long pulls and crashes may go on failing, three of them at least, before the verdict is failed; 180."""
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """When a Deployment counts as stuck; the sum of the others where not given."""


class StorageCredentials(Model):
    """Credentials of one URI scheme: environment variable of the storage initializer → key of the Secret."""

    scheme: Literal["s3", "gs", "hf", "hdfs", "webhdfs", "modelscope", "http", "https"]
    """URI scheme that they are for."""
    secret: ObjectName
    """Name of the Secret."""
    keys: dict[EnvName, SecretKeyName]
    """Variable of the storage initializer: key of the Secret."""
    env: dict[EnvName, Text] | None = None
    """Further variables, as plain text."""


class Storage(Model):
    """How a model's files reach the pod."""

    initializer_image: Image | None = None
    """Image that downloads the model; KServe's own where not given."""
    credentials: Annotated[tuple[StorageCredentials, ...], AsTuple] | None = None
    """Credentials by URI scheme."""


class ResourceRange(Model):
    """Request and limit of one resource."""

    request: Quantity | None = None
    """What is reserved, such as 500m, 2 or 16Gi."""
    limit: Quantity | None = None
    """What may be used at most."""


class DeviceResources(Model):
    """Cpu and memory of one replica."""

    cpu: ResourceRange | None = None
    """CPU of one replica."""
    memory: ResourceRange | None = None
    """Memory of one replica."""


class KServe(Model):
    """Which KServe a cluster runs, and how its InferenceServices are made."""

    version: Version | None = None
    """Version of the cluster's KServe, such as 0.16; quote it."""
    mode: Literal["Standard", "Knative"] | None = None
    """Standard makes Deployments, Knative revisions that can scale to zero."""
    predictor: Literal["container", "model"] | None = None
    """container: revstamp's own container; model: a serving runtime of the cluster."""
    model_format: Line | None = None
    """Format that a serving runtime must support."""
    runtime: ObjectName | None = None
    """Name of the serving runtime."""


class Scaling(Model):
    """What an autoscale metric of the platform means in this cluster's metrics API."""

    type: Literal["Pods", "External"] = "Pods"
    """Pods: an average over the pods; External: a value as it is."""
    metric: Line
    """Name in the cluster's metrics API."""
    selector: Selector | None = None
    """Labels that the metric must have."""
    divisor: Positive = 1
    """The policy's number is divided by this."""
