"""The endpoint file: `apiVersion: revstamp.io/v1, kind: Endpoint`.

Owns: the shape that people write and every change is a patch on. Refuses: defaults of the environment (a field that
the file does not give is None here).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from generator.spec.base import AsTuple, FreeForm, Image, Line, Model, Text, in_schema_as, wrong
from generator.spec.model import CatalogModel, Count, DeploymentSpecPatch
from generator.spec.names import (
    DNS1035,
    MAX_ENDPOINT_NAME,
    MAX_ROUTE,
    ROUTE,
    UUID_TEXT,
    is_endpoint_name,
    is_route,
    read_uuid,
)
from generator.spec.section_types import Framework, Labels, Server
from generator.spec.sections import Budgets, KServe, PodDefaults, ResourceRange, Routing, Storage
from generator.spec.text import shown


def _check_name(value: str) -> str:
    if not is_endpoint_name(value):
        raise wrong(
            f"{shown(value)} is not an endpoint name",
            f"lower-case letters, digits and '-', a letter first, at most {MAX_ENDPOINT_NAME} characters",
        )
    return value


def _check_id(value: str) -> str:
    try:
        return read_uuid(value)
    except ValueError:
        raise wrong(f"{shown(value)} is not a UUID", "write it as 8-4-4-4-12 hex digits, or leave it out") from None


def _check_route(value: str) -> str:
    if not is_route(value):
        fix = "write a path such as /llm/chat: letters, digits, '-', '_', '.', '~'"
        raise wrong(f"{shown(value)} is not a route", fix)
    return value


EndpointName = Annotated[str, AfterValidator(_check_name), in_schema_as(DNS1035, MAX_ENDPOINT_NAME)]
EndpointId = Annotated[str, AfterValidator(_check_id), in_schema_as(UUID_TEXT, 36)]
Route = Annotated[str, AfterValidator(_check_route), in_schema_as(ROUTE, MAX_ROUTE)]


class Replicas(Model):
    """Bounds of the number of replicas; `min: 0, max: 0` stops the endpoint."""

    min: Count
    """Least number of replicas."""
    max: Count
    """Greatest number of replicas."""


class EndpointMetadata(Model):
    """Name, identity and ownership; `labels` are put on every object and, being on the pods, restart when changed."""

    name: EndpointName
    """Name of the endpoint and of its objects; also the name of this file."""
    id: EndpointId | None = None
    """The platform's id, where it has one."""
    owner: Line | None = None
    """Team that answers for it."""
    labels: Labels | None = None
    """Labels of every object and pod; a change restarts the pods."""


class EndpointSpec(Model):
    """What the endpoint serves and how. Everything but route and model has a default in the environment."""

    route: Route
    """Path that requests come in on, such as /llm/chat; unique in the environment."""
    model: CatalogModel
    """The model's entry in the catalogue."""
    framework: Framework | None = None
    """deployment: a Deployment of its own; kserve: an InferenceService."""
    deployment: DeploymentSpecPatch | None = None
    """The platform's DeploymentSpec, as far as it is not the default."""
    replicas: Replicas | None = None
    """Bounds of the number of replicas."""
    autoscaling: FreeForm | None = None
    """What to scale by: cpuUtilization, or a metric that the environment maps."""
    image: Image | None = None
    """Image of the model server, in place of the environment's."""
    server: Server | None = None
    """Model server in the image, or to be taken from the environment's images."""
    args: Annotated[tuple[Text, ...], AsTuple] | None = None
    """Further arguments of the model server."""
    cpu: ResourceRange | None = None
    """CPU of one replica."""
    memory: ResourceRange | None = None
    """Memory of one replica."""
    gpu_pool: Line | None = None
    """GPU pool of the environment to run in."""
    routing: Routing | None = None
    """What differs from the environment."""
    pod: PodDefaults | None = None
    """What differs from the environment."""
    budgets: Budgets | None = None
    """What differs from the environment."""
    storage: Storage | None = None
    """What differs from the environment."""
    kserve: KServe | None = None
    """What differs from the environment."""
    prompt_policy_id: Line | None = None
    """The platform's prompt policy; kept, not rendered."""
    rollback_plan: Text | None = None
    """Note for people; kept, not rendered."""
    suspend: bool | None = None
    """true: the reconciler applies nothing of this endpoint until it is gone again."""


class Endpoint(Model):
    """One endpoint of one environment, as its file gives it."""

    api_version: Literal["revstamp.io/v1"]
    """The format of this file."""
    kind: Literal["Endpoint"]
    """Endpoint."""
    metadata: EndpointMetadata
    """Name and ownership."""
    spec: EndpointSpec
    """What is served, and how."""
