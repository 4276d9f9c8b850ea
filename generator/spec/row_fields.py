"""Which column of the platform's rows becomes which field of an endpoint file.

Owns: that mapping (platform-contract: "Tables of the platform"). Refuses: judging the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from generator.spec.base import API_VERSION
from generator.spec.names import endpoint_name
from generator.spec.sections import Framework
from generator.spec.text import shown


def endpoint_data(
    identity: str, row: Mapping[str, Any], model: Mapping[str, Any], deployment: Mapping[str, Any], warnings: list[str]
) -> dict[str, Any]:
    """The data of an endpoint file, nothing in it that the rows leave open; `warnings` are added to."""
    metadata = {"name": endpoint_name(identity), "id": identity, "owner": model.get("owner_team")}
    spec = {
        "route": row.get("route"),
        "framework": _framework(deployment, warnings),
        "model": _model_data(model),
        "deployment": _deployment_data(row, warnings),
        "replicas": {"min": _or(row.get("min_replicas"), 1), "max": _or(row.get("max_replicas"), 3)},
        "autoscaling": None if row.get("autoscale_policy") == {} else row.get("autoscale_policy"),
        "image": row.get("runtime_image"),
        "cpu": _given({"request": row.get("cpu_request"), "limit": row.get("cpu_limit")}),
        "memory": _given({"request": row.get("memory_request"), "limit": row.get("memory_limit")}),
        "promptPolicyId": row.get("prompt_policy_id"),
        "rollbackPlan": row.get("rollback_plan"),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Endpoint",
        "metadata": _given(metadata),
        "spec": _given(spec),
    }


def _or(value: Any, default: int) -> Any:
    return default if value is None else value


def _framework(deployment: Mapping[str, Any], warnings: list[str]) -> str | None:
    framework = deployment.get("serving_framework")
    if framework is None or framework in get_args(Framework):
        return framework
    warnings.append(f"the framework {shown(framework)} is not one of revstamp's; the environment's default is taken")
    return None


def _model_data(model: Mapping[str, Any]) -> dict[str, Any]:
    fields = {
        "name": model.get("name"),
        "version": model.get("version"),
        "type": model.get("type"),
        "family": model.get("model_family"),
        "status": model.get("status"),
        "storageUri": model.get("storage_uri"),
        "metadata": model.get("metadata"),
    }
    return _given(fields) or {}


def _deployment_data(row: Mapping[str, Any], warnings: list[str]) -> Any:
    """The stored spec without its nulls; the endpoint's own `use_gpu`, being the later one, wins over the spec's."""
    stored, use_gpu = row.get("deployment_spec"), row.get("use_gpu")
    if stored is not None and not isinstance(stored, Mapping):
        return stored
    spec = _without_nulls(stored or {})
    if isinstance(use_gpu, bool) and spec.get("use_gpu", use_gpu) is not use_gpu:
        other = shown(spec["use_gpu"]).lower()
        warnings.append(f"use_gpu of the endpoint ({str(use_gpu).lower()}) is taken, the stored spec says {other}")
    if use_gpu is not None:
        spec["use_gpu"] = use_gpu
    return spec or None


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(item) if isinstance(item, Mapping) else item
        for key, item in value.items()
        if item is not None
    }


def _given(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    return {key: value for key, value in fields.items() if value is not None and value != ""} or None
