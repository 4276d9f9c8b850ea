"""Values that an API server fills in inside of wholes: lists and structs that server-side apply owns as one.

Owns: which key gets which value where it is left out. Left out or written makes no difference to the server, so it
makes none to us. Refuses: defaults elsewhere; nobody owns those, and an apply leaves them alone. Pure.
Source: the Gateway API's HTTPRoute (gateway.networking.k8s.io/v1) and Kubernetes' core/v1 ObjectFieldSelector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Names = tuple[str, ...]
"""Names of fields from the object's top; a list adds none."""

_GATEWAY = "gateway.networking.k8s.io"
_BACKEND: Mapping[str, Any] = {"group": "", "kind": "Service", "weight": 1}
_FIELD_REF: Mapping[str, Any] = {"apiVersion": "v1"}
_POD: Names = ("spec", "template", "spec")

_DEFAULTS: Mapping[tuple[str, str], Mapping[Names, Mapping[str, Any]]] = {
    (f"{_GATEWAY}/v1", "HTTPRoute"): {
        ("spec", "parentRefs"): {"group": _GATEWAY, "kind": "Gateway"},
        ("spec", "rules", "backendRefs"): _BACKEND,
        ("spec", "rules", "matches", "path"): {"type": "PathPrefix", "value": "/"},
        ("spec", "rules", "matches", "headers"): {"type": "Exact"},
        ("spec", "rules", "matches", "queryParams"): {"type": "Exact"},
    },
    ("apps/v1", "Deployment"): {
        (*_POD, "containers", "env", "valueFrom", "fieldRef"): _FIELD_REF,
        (*_POD, "initContainers", "env", "valueFrom", "fieldRef"): _FIELD_REF,
    },
}

NONE: Mapping[Names, Mapping[str, Any]] = {}


def find_defaults(api_version: str, kind: str) -> Mapping[Names, Mapping[str, Any]]:
    """The defaults of a kind, by where they stand."""
    return _DEFAULTS.get((api_version, kind), NONE)
