"""A new endpoint's file.

Owns: its first shape. Refuses: overwriting, and committing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.errors import AlreadyExists, InvalidInput, Refused, Violation
from generator.service.fleet import EndpointRef, Fleet, read_endpoint_file
from generator.service.importing import endpoint_text
from generator.service.plan import render_endpoint
from generator.service.tree import OverlayTree, write_file
from generator.spec.base import API_VERSION
from generator.spec.names import MAX_ENDPOINT_NAME, is_endpoint_name
from generator.spec.patch import Patch, apply_patch


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What is known of a new endpoint; `patch` holds the other fields."""

    environment: str
    name: str
    model: str
    family: str
    owner: str | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    patch: Patch = field(default_factory=Patch)


def write_endpoint(fleet: Fleet, root: Path, request: NewEndpoint) -> tuple[str, tuple[Violation, ...]]:
    """Write the file; returns its path and what still stands against deploying it.

    InvalidInput where it would be no endpoint file; AlreadyExists where there is one.
    """
    fleet.environment(request.environment)
    if not is_endpoint_name(request.name):
        hint = f"lower-case letters, digits and '-', a letter first, at most {MAX_ENDPOINT_NAME} characters"
        raise InvalidInput(f"{request.name!r} is not an endpoint name", hint=hint)
    ref = EndpointRef(request.environment, request.name)
    found = fleet.find_file(ref)
    if found is not None:
        raise AlreadyExists(f"{found[0]} is there already", hint="edit it, or choose another name")
    path = fleet.layout.endpoint_files(ref.environment, ref.name)[0]
    content = endpoint_text(path, new_endpoint_data(request)).encode()
    file = read_endpoint_file(path, content, ref)
    try:
        render_endpoint(Fleet(OverlayTree(fleet.tree, {path: content})), ref, file)
        violations: tuple[Violation, ...] = ()
    except Refused as refused:
        violations = refused.violations
    write_file(root, path, content)
    return path, violations


def new_endpoint_data(request: NewEndpoint) -> dict[str, Any]:
    """The file's data: what is required first, then what was given."""
    metadata: dict[str, Any] = {"name": request.name}
    if request.owner is not None:
        metadata["owner"] = request.owner
    spec: dict[str, Any] = {
        "route": f"/{request.name}",
        "model": {"name": request.model, "version": "1", "family": request.family, "status": "approved"},
    }
    data: dict[str, Any] = {"apiVersion": API_VERSION, "kind": "Endpoint", "metadata": metadata, "spec": spec}
    apply_patch(data, request.patch)
    least, most = request.min_replicas, request.max_replicas
    if least is not None or most is not None:
        first = 1 if least is None else least
        spec["replicas"] = {"min": first, "max": max(first, 1) if most is None else most}
    return data
