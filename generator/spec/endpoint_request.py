"""Requests of the platform that create an endpoint or change its settings.

Owns: their fields and which file field each one becomes. Refuses: what a redeploy request has too (that is
`request`), and rules about the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from generator.errors import InvalidInput, Violation
from generator.spec.base import Line, Model, Text
from generator.spec.document import Document, Path
from generator.spec.endpoint import Route
from generator.spec.model import Count
from generator.spec.names import read_uuid
from generator.spec.patch import Patch
from generator.spec.request import FIELDS as REDEPLOY_FIELDS
from generator.spec.validate import violations_of

SETTINGS: Mapping[str, Path] = {
    "route": ("spec", "route"),
    "minReplicas": ("spec", "replicas", "min"),
    "maxReplicas": ("spec", "replicas", "max"),
    "promptPolicyId": ("spec", "promptPolicyId"),
    "rollbackPlan": ("spec", "rollbackPlan"),
}
IDENTITY = ("modelId", "environment")
"""Fields of a new endpoint that never change afterwards."""


class EndpointSettings(Model):
    """What may be changed of an endpoint without naming its model's runtime. Null clears what may be left out."""

    route: Route | None = None
    min_replicas: Count | None = None
    max_replicas: Count | None = None
    prompt_policy_id: Line | None = None
    rollback_plan: Text | None = None


def split_request(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the redeploy fields of a request, apart. InvalidInput names every field of neither."""
    unknown = [name for name in body if name not in SETTINGS and name not in REDEPLOY_FIELDS and name not in IDENTITY]
    if unknown:
        found = [Violation("is not a field of this request", "leave it out", name, "request") for name in unknown]
        raise InvalidInput(f"the request has unknown fields: {', '.join(unknown)}", violations=found)
    settings = {name: value for name, value in body.items() if name in SETTINGS}
    return settings, {name: value for name, value in body.items() if name in REDEPLOY_FIELDS}


def settings_patch(settings: Mapping[str, Any]) -> Patch:
    """The patch that changed settings mean. InvalidInput names every wrong one."""
    try:
        EndpointSettings.model_validate(dict(settings), by_alias=True, by_name=False)
    except ValidationError as error:
        found = violations_of(error, EndpointSettings, Document("request", dict(settings)))
        words = "; ".join(f"{violation.path}: {violation.message}" for violation in found)
        raise InvalidInput(f"the request cannot be accepted: {words}", violations=found) from None
    given = {SETTINGS[name]: value for name, value in settings.items() if value is not None and value != ""}
    clears = frozenset(SETTINGS[name] for name, value in settings.items() if value is None)
    return Patch(given, clears, {path: name for name, path in SETTINGS.items() if path in given})


def require_identity(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Model id, environment and route of a new endpoint. InvalidInput names each that is missing or malformed."""
    wrong = [
        Violation("is required", "give it", name, "request")
        for name in (*IDENTITY, "route")
        if not isinstance(body.get(name), str) or not body[name]
    ]
    if not wrong:
        try:
            return read_uuid(body["modelId"]), str(body["environment"]), str(body["route"])
        except ValueError:
            wrong = [Violation("is not a UUID", "give the id of a catalogue entry", "modelId", "request")]
    words = "; ".join(f"{violation.path} {violation.message}" for violation in wrong)
    raise InvalidInput(f"the request cannot be accepted: {words}", violations=wrong)
