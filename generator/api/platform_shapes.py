"""The platform's answers, as the OpenAPI document describes them.

Owns: fields and types of every view in its envelope, with examples. Refuses: making answers (`views`, `envelope`), and
holding rows to these shapes: tests do that, so that a row of another shape is still shown.
Source: platform-contract, "HTTP" and "Endpoint view".
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from generator.api.own_shapes import Redeployment

T = TypeVar("T")
Json = dict[str, Any] | None

_ENDPOINT: dict[str, Any] = {
    "id": "c48311a0-9cf4-501c-b0af-ca267da9bdfa",
    "modelId": "64a15960-62cd-51a2-9721-85edaa194da1",
    "version": "2.3.0",
    "environment": "prod",
    "route": "/llm/support",
    "runtimeImage": None,
    "status": "healthy",
    "minReplicas": 2,
    "maxReplicas": 6,
    "promptPolicyId": None,
    "useGpu": True,
    "cpuRequest": "4",
    "cpuLimit": "8",
    "memoryRequest": "24Gi",
    "memoryLimit": "32Gi",
    "autoscalePolicy": {"cpuUtilization": 70},
    "deploymentSpec": None,
    "lastHealthCheck": "2026-03-01T12:00:00.000Z",
    "rollbackPlan": None,
    "createdAt": "2026-01-01T09:30:00.000Z",
}


_DEPLOYMENT: dict[str, Any] = {
    "id": "0f0a0f2e-53a8-4b11-9f39-5c3d8c7c2f11",
    "serving_endpoint_id": "c48311a0-9cf4-501c-b0af-ca267da9bdfa",
    "serving_framework": "kserve",
    "framework_resource_id": "svc-c48311a09cf4",
    "framework_namespace": "llm-ops-prod",
    "replica_count": 2,
    "min_replicas": 2,
    "max_replicas": 6,
    "autoscaling_metrics": {"cpuUtilization": 70},
    "resource_requests": {"cpu": "4", "memory": "24Gi"},
    "resource_limits": {"cpu": "8", "memory": "32Gi"},
    "framework_status": {"revision": 41, "status": "healthy"},
    "created_at": "2026-01-01T09:30:00.000Z",
    "updated_at": "2026-03-01T12:00:00.000Z",
}
_REFUSAL: dict[str, Any] = {
    "status": "fail",
    "message": "'x' is not the id of an endpoint. Ids are UUIDs",
    "data": {"error": "not-found", "hint": "ids are UUIDs", "retryable": False, "violations": []},
}


class Success(BaseModel, Generic[T]):
    """The envelope of an answer."""

    status: Literal["success"]
    message: str
    data: T


class Fail(BaseModel):
    """The envelope of a refusal; its message stands alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REFUSAL]})

    status: Literal["fail"]
    message: str
    data: Json


class EndpointView(BaseModel):
    """One endpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENDPOINT]})

    id: str
    modelId: str | None
    version: str | None
    environment: str
    route: str
    runtimeImage: str | None
    status: Literal["deploying", "healthy", "degraded", "failed"]
    minReplicas: int | None
    maxReplicas: int | None
    promptPolicyId: str | None
    useGpu: bool | None
    cpuRequest: str | None
    cpuLimit: str | None
    memoryRequest: str | None
    memoryLimit: str | None
    autoscalePolicy: Json
    deploymentSpec: Json
    lastHealthCheck: str | None
    rollbackPlan: str | None
    createdAt: str | None


class ChangedEndpoint(EndpointView):
    """The endpoint that a write is about, with the redeployment that was accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    redeployment: Redeployment
    notices: list[str]


class DeploymentView(BaseModel):
    """How an endpoint is deployed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEPLOYMENT]})

    id: str
    serving_endpoint_id: str
    serving_framework: str
    framework_resource_id: str
    framework_namespace: str
    replica_count: int | None
    min_replicas: int | None
    max_replicas: int | None
    autoscaling_metrics: Json
    resource_requests: Json
    resource_limits: Json
    framework_status: Json
    created_at: str | None
    updated_at: str | None


class Framework(BaseModel):
    """What an endpoint may be deployed by."""

    name: str
    display_name: str
    enabled: bool
    capabilities: list[str]


class Frameworks(BaseModel):
    """All of them."""

    frameworks: list[Framework]


class Images(BaseModel):
    """Serve target → `gpu`, `cpu` → image; revstamp trains nothing."""

    train_images: dict[str, dict[str, str | None]]
    serve_images: dict[str, dict[str, str | None]]


class ModelView(BaseModel):
    """An entry of the catalogue."""

    id: str
    name: str
    version: str
    type: str
    status: str
    owner_team: str | None
    metadata: Json
    storage_uri: str | None
    model_family: str | None
    created_at: str | None
    updated_at: str | None


def answering(data: Any) -> dict[int | str, dict[str, Any]]:
    """What a route of the platform answers with status 200: these data, or a refusal."""
    return {200: {"model": Success[data] | Fail, "description": "The answer, or a refusal in the same envelope"}}
