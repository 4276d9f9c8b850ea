"""How the API merges lists and maps: which lists have keys, which are sets, what is atomic.

Owns: a small table of the kinds that revstamp meets. Refuses: whole schemas.
Source: `x-kubernetes-list-type`, `-list-map-keys` and `-map-type` in /openapi/v3 of Kubernetes 1.36 and KServe 0.17.
A list that is not named here is atomic, a map is not, as in the API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = ("name",)
_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": _NAME,
    "initContainers": _NAME,
    "ephemeralContainers": _NAME,
    "env": _NAME,
    "imagePullSecrets": _NAME,
    "volumes": _NAME,
    "resourceClaims": _NAME,
    "schedulingGates": _NAME,
    "claims": _NAME,
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "podIPs": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "addresses": ("type",),
    "ownerReferences": ("uid",),
}
_SETS = frozenset({"finalizers", "podCIDRs"})
_ATOMIC_IN_KSERVE = frozenset(
    {"containers", "initContainers", "ephemeralContainers", "volumes", "hostAliases", "conditions", "imagePullSecrets"}
)
"""KServe's definition has no keys for these, or keys that a real server does not use."""
_KEYED_IN_ANY_KIND = frozenset({"ownerReferences"})
_ATOMIC_MAPS = frozenset(
    {
        "selector",
        "labelSelector",
        "nodeSelector",
        "configMapKeyRef",
        "secretKeyRef",
        "fieldRef",
        "fileKeyRef",
        "resourceFieldRef",
        "secretRef",
        "nodePublishSecretRef",
        "dataSource",
        "requiredDuringSchedulingIgnoredDuringExecution",
    }
)
_ATOMIC_ITEMS = frozenset({"ownerReferences", "imagePullSecrets"})
"""Lists with keys whose items are atomic."""
_BUILT_IN_GROUPS = frozenset(
    {
        "",
        "apps",
        "policy",
        "autoscaling",
        "networking.k8s.io",
        "coordination.k8s.io",
        "batch",
        "rbac.authorization.k8s.io",
    }
)
_KSERVE = "serving.kserve.io"


def is_built_in(group: str) -> bool:
    """Whether the group is Kubernetes' own, and not of a CustomResourceDefinition."""
    return group in _BUILT_IN_GROUPS


def keys_of(group: str, field: str, items: list[Any]) -> tuple[str, ...]:
    """The keys of a list's items; none: the list is atomic or a set."""
    if not items or not all(isinstance(item, Mapping) for item in items):
        return ()
    if field == "ports":
        return _port_keys(group, items)
    if group == _KSERVE and field in _ATOMIC_IN_KSERVE:
        return ()
    if not is_built_in(group) and group != _KSERVE and field not in _KEYED_IN_ANY_KIND:
        return ()
    keys = _KEYS.get(field, ())
    return keys if all(all(key in item for key in keys) for item in items) else ()


def _port_keys(group: str, items: list[Any]) -> tuple[str, ...]:
    if all("containerPort" in item for item in items):
        return ("containerPort", "protocol")
    if group == "" and all("port" in item for item in items):
        return ("port", "protocol")
    return ()


def key_of(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The item's path element, such as `k:{"name":"server"}`; `protocol` is a key that has a default."""
    values = {key: item.get(key, "TCP" if key == "protocol" else None) for key in sorted(keys)}
    return "k:" + json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def children_of(group: str, field: str, value: Any) -> list[tuple[str, str, Any]] | None:
    """What is below a value, each as path element, field name and value; None where it is a leaf or atomic."""
    if isinstance(value, dict):
        if not value or field in _ATOMIC_MAPS or field.startswith(_ITEM_OF_ATOMIC):
            return None
        return [(f"f:{name}", name, below) for name, below in value.items()]
    if isinstance(value, list) and value:
        return list(_iterate_items(group, field, value)) or None
    return None


_ITEM_OF_ATOMIC = "atomic item"


def _iterate_items(group: str, field: str, items: list[Any]) -> Iterator[tuple[str, str, Any]]:
    if field in _SETS:
        for item in items:
            yield f"v:{json.dumps(item)}", "", item
        return
    keys = keys_of(group, field, items)
    name = _ITEM_OF_ATOMIC if field in _ATOMIC_ITEMS else ""
    for item in items if keys else ():
        yield key_of(item, keys), name, item
