"""Quotas of a namespace, where pods are made.

Owns: whether one more pod is too much. Refuses: other kinds than pods, and scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.store import Store

_POD = ("", "Pod")
_QUOTA = ("", "ResourceQuota")
_FACTORS = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


def find_exceeded(store: Store, pod: Mapping[str, Any]) -> str:
    """What the API server says where a quota refuses the pod; nothing where none does."""
    namespace = str(pod["metadata"]["namespace"])
    for quota in store.iterate(_QUOTA, namespace):
        hard = (quota.get("spec") or {}).get("hard") or {}
        over = [name for name in sorted(hard) if _is_over(store, namespace, pod, name, hard[name])]
        if over:
            asked = ",".join(f"{name}={_show(count_resource(pod, name))}" for name in over)
            used = ",".join(f"{name}={_show(_count_used(store, namespace, name))}" for name in over)
            limited = ",".join(f"{name}={hard[name]}" for name in over)
            return f"exceeded quota: {quota['metadata']['name']}, requested: {asked}, used: {used}, limited: {limited}"
    return ""


def _is_over(store: Store, namespace: str, pod: Mapping[str, Any], name: str, hard: Any) -> bool:
    asked = count_resource(pod, name)
    return asked > 0 and _count_used(store, namespace, name) + asked > read_quantity(hard)


def _count_used(store: Store, namespace: str, name: str) -> float:
    return sum(count_resource(pod, name) for pod in store.iterate(_POD, namespace) if not _is_done(pod))


def _is_done(pod: Body) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def count_resource(pod: Mapping[str, Any], name: str) -> float:
    """What a pod asks for of a quota's resource: `pods`, `requests.cpu`, `limits.memory`, `requests.nvidia.com/gpu`."""
    if name in ("pods", "count/pods"):
        return 1.0
    place, _, resource = name.partition(".")
    if place not in ("requests", "limits"):
        place, resource = "requests", name
    containers = pod["spec"].get("containers") or ()
    return sum(read_quantity(((one.get("resources") or {}).get(place) or {}).get(resource, 0)) for one in containers)


def read_quantity(value: Any) -> float:
    """The number that a quantity such as `500m` or `2Gi` stands for."""
    text = str(value)
    for suffix in sorted(_FACTORS, key=len, reverse=True):
        if suffix and text.endswith(suffix):
            return float(text[: -len(suffix)]) * _FACTORS[suffix]
    return float(text)


def _show(value: float) -> str:
    return f"{value:g}"
