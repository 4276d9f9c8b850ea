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
    max: Count


class EndpointMetadata(Model):
    """Name, identity and ownership; `labels` are put on every object and, being on the pods, restart when changed."""

    name: EndpointName
    id: EndpointId | None = None
    owner: Line | None = None
    labels: Labels | None = None


class EndpointSpec(Model):
    """What the endpoint serves and how. Everything but route and model has a default in the environment."""

    route: Route
    model: CatalogModel
    framework: Framework | None = None
    deployment: DeploymentSpecPatch | None = None
    replicas: Replicas | None = None
    autoscaling: FreeForm | None = None
    image: Image | None = None
    server: Server | None = None
    args: Annotated[tuple[Text, ...], AsTuple] | None = None
    cpu: ResourceRange | None = None
    memory: ResourceRange | None = None
    gpu_pool: Line | None = None
    routing: Routing | None = None
    pod: PodDefaults | None = None
    budgets: Budgets | None = None
    storage: Storage | None = None
    kserve: KServe | None = None
    prompt_policy_id: Line | None = None
    rollback_plan: Text | None = None


class Endpoint(Model):
    """One endpoint of one environment, as its file gives it."""

    api_version: Literal["revstamp.io/v1"]
    kind: Literal["Endpoint"]
    metadata: EndpointMetadata
    spec: EndpointSpec
