"""What the platform's page reads: rows in its own names.

Owns: the fields of each view, ids as strings, one bad row that spoils only itself. Refuses: reading rows.
Source: platform-contract, "HTTP" and "Endpoint view".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from generator.store.platform import EndpointRows
from generator.store.redeployment import to_json

_ENDPOINT = {
    "route": "route",
    "environment": "environment",
    "runtimeImage": "runtime_image",
    "status": "status",
    "minReplicas": "min_replicas",
    "maxReplicas": "max_replicas",
    "promptPolicyId": "prompt_policy_id",
    "useGpu": "use_gpu",
    "cpuRequest": "cpu_request",
    "cpuLimit": "cpu_limit",
    "memoryRequest": "memory_request",
    "memoryLimit": "memory_limit",
    "autoscalePolicy": "autoscale_policy",
    "deploymentSpec": "deployment_spec",
    "lastHealthCheck": "last_health_check",
    "rollbackPlan": "rollback_plan",
    "createdAt": "created_at",
}

_DEPLOYMENT = (
    "replica_count",
    "min_replicas",
    "max_replicas",
    "autoscaling_metrics",
    "resource_requests",
    "resource_limits",
    "framework_status",
    "created_at",
    "updated_at",
)


def endpoint_view(rows: EndpointRows) -> dict[str, Any]:
    """One endpoint, in camelCase; what is not known is null."""
    row, model = rows.endpoint, rows.model
    return {
        "id": str(row["id"]),
        "modelId": _text(row.get("model_entry_id")),
        "version": _text(model.get("version")),
        **{key: _value(row.get(column)) for key, column in _ENDPOINT.items()},
    }


def deployment_view(rows: EndpointRows, framework: str, namespace: str, name: str) -> dict[str, Any]:
    """The deployment of an endpoint, in snake_case; one without a row of its own is told by the endpoint's."""
    endpoint, row = rows.endpoint, rows.deployment or {}
    least, most = endpoint.get("min_replicas"), endpoint.get("max_replicas")
    known = {
        "replica_count": least,
        "min_replicas": least,
        "max_replicas": most,
        "created_at": endpoint.get("created_at"),
    }
    return {
        "id": _text(row.get("id")) or str(endpoint["id"]),
        "serving_endpoint_id": str(endpoint["id"]),
        "serving_framework": row.get("serving_framework") or framework,
        "framework_resource_id": row.get("framework_resource_id") or name,
        "framework_namespace": row.get("framework_namespace") or namespace,
        **{key: _value(row[key] if row.get(key) is not None else known.get(key)) for key in _DEPLOYMENT},
    }


def model_view(model: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the catalogue."""
    fields = ("name", "version", "type", "status", "owner_team", "metadata", "storage_uri", "model_family")
    times = ("created_at", "updated_at")
    return {"id": str(model["id"]), **{key: _value(model.get(key)) for key in (*fields, *times)}}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _value(value: Any) -> Any:
    return to_json(value) if isinstance(value, datetime) else value
