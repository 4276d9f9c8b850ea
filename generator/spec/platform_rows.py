"""The platform's rows, turned into endpoint files.

Owns: which column becomes which field (platform-contract: "Tables of the platform"). Refuses: writing files, and
judging whether the endpoint can be deployed: one that cannot is brought along too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from generator.errors import InvalidInput, Violation
from generator.spec.base import API_VERSION
from generator.spec.document import Document
from generator.spec.endpoint import Endpoint
from generator.spec.names import endpoint_name
from generator.spec.sections import Framework
from generator.spec.validate import violations_of


@dataclass(frozen=True, slots=True)
class ImportedEndpoint:
    """One endpoint row: the data of its file, or why there is none. `id` is the row's, as it stands there."""

    id: str
    environment: str
    name: str
    data: Mapping[str, Any] | None
    problems: tuple[Violation, ...] = ()
    warnings: tuple[str, ...] = ()


def read_rows(rows: Any, file: str) -> Iterator[ImportedEndpoint]:
    """Endpoints of `{"models": […], "endpoints": […], "deployments": […]}`; a bad row spoils only itself.

    InvalidInput where the whole is not of that shape.
    """
    if not isinstance(rows, Mapping) or not isinstance(rows.get("endpoints"), list):
        hint = 'export the tables as {"models": [...], "endpoints": [...], "deployments": [...]}'
        raise InvalidInput(f"{file} holds no rows of the platform", hint=hint)
    models = {str(row.get("id")): row for row in _table(rows, "models", file)}
    deployments = {str(row.get("serving_endpoint_id")): row for row in _table(rows, "deployments", file)}
    seen: dict[tuple[str, str], str] = {}
    for index, row in enumerate(rows["endpoints"]):
        where = f"endpoints[{index}]"
        if not isinstance(row, Mapping):
            yield ImportedEndpoint("", "", "", None, (Violation("is not a row", "", where, file),))
            continue
        imported = _import_row(row, models, deployments, file, where)
        first = seen.setdefault((imported.environment, imported.name), where)
        if first != where and imported.name:
            problem = Violation(f"has the name of {first}: {imported.name}", "remove one of them", where, file)
            imported = ImportedEndpoint(imported.id, imported.environment, imported.name, None, (problem,))
        yield imported


def _table(rows: Mapping[str, Any], name: str, file: str) -> list[Mapping[str, Any]]:
    table = rows.get(name) or []
    if not isinstance(table, list):
        raise InvalidInput(f"{file}: {name} is not a list of rows")
    return [row for row in table if isinstance(row, Mapping)]


def _import_row(
    row: Mapping[str, Any], models: Mapping[str, Any], deployments: Mapping[str, Any], file: str, where: str
) -> ImportedEndpoint:
    identity, environment = str(row.get("id", "")), str(row.get("environment", ""))

    def refuse(message: str, fix: str, column: str) -> ImportedEndpoint:
        problem = Violation(message, fix, f"{where}.{column}", file)
        return ImportedEndpoint(identity, environment, "", None, (problem,))

    try:
        name = endpoint_name(identity)
    except ValueError:
        return refuse(f"the id {identity!r} is not a UUID", "correct the row", "id")
    model = models.get(str(row.get("model_entry_id")))
    if model is None:
        return refuse(
            f"no model has the id {row.get('model_entry_id')}", "export the model's row too", "model_entry_id"
        )
    warnings: list[str] = []
    data = _endpoint_data(name, row, model, deployments.get(identity) or {}, warnings)
    try:
        Endpoint.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        found = violations_of(error, Endpoint, Document(file, data))
        problems = tuple(Violation(v.message, v.fix, f"{where}: {v.path}", file, code=v.code) for v in found)
        return ImportedEndpoint(identity, environment, name, None, problems)
    return ImportedEndpoint(identity, environment, name, data, (), tuple(warnings))


def _endpoint_data(
    name: str, row: Mapping[str, Any], model: Mapping[str, Any], deployment: Mapping[str, Any], warnings: list[str]
) -> dict[str, Any]:
    metadata = {"name": name, "id": row.get("id"), "owner": model.get("owner_team")}
    framework = deployment.get("serving_framework")
    if framework is not None and framework not in get_args(Framework):
        warnings.append(f"the framework {framework!r} is not one of revstamp's; the environment's default is taken")
        framework = None
    spec = {
        "route": row.get("route"),
        "framework": framework,
        "model": _model_data(model),
        "deployment": _deployment_data(row, warnings),
        "replicas": {"min": row.get("min_replicas", 1), "max": row.get("max_replicas", 3)},
        "autoscaling": row.get("autoscale_policy") or None,
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
    if use_gpu is not None and spec.get("use_gpu", use_gpu) != use_gpu:
        warnings.append(f"use_gpu of the endpoint ({use_gpu}) is taken, the stored spec says {spec['use_gpu']}".lower())
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
