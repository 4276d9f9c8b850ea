"""Plain data: copies, and what is read from bodies again and again.

Owns: copying in and out, so that nobody outside can change what is stored. Refuses: knowing any kind.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from typing import Any

from generator.cluster.kinds import Kind, ObjectRef
from generator.cluster.port import Body

KindKey = tuple[str, str]
"""API group and name of a kind: versions of a kind are the same objects."""
POD_KEY: KindKey = ("", "Pod")
Address = tuple[KindKey, str, str]
"""Kind, namespace and name: one object."""


def copy_in(value: Any) -> Any:
    """A copy of what somebody hands in, as plain dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): copy_in(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [copy_in(item) for item in value]
    return value


def copy_out(body: Body) -> dict[str, Any]:
    """A copy of stored data, for somebody who may change it; a few microseconds."""
    plain: Any = body
    copied: dict[str, Any] = marshal.loads(marshal.dumps(plain, 2))  # noqa: S302 - bytes that were made just now; version 2 shares nothing
    return copied


def key_of_kind(kind: Kind) -> KindKey:
    """Under which key objects of the kind are stored."""
    return (kind.group, kind.name)


def address_of(body: Body) -> Address:
    """Where a stored body is."""
    metadata = body["metadata"]
    return (
        (str(body["apiVersion"]).rpartition("/")[0], str(body["kind"])),
        str(metadata.get("namespace") or ""),
        str(metadata["name"]),
    )


def address_of_ref(ref: ObjectRef) -> Address:
    """Where the object of a reference is."""
    return (key_of_kind(ref.kind), ref.namespace if ref.kind.namespaced else "", ref.name)


def labels_of(body: Body) -> Mapping[str, str]:
    """Its labels."""
    return body["metadata"].get("labels") or {}


def annotations_of(body: Body) -> Mapping[str, str]:
    """Its annotations."""
    return body["metadata"].get("annotations") or {}


def controller_of(body: Body) -> Mapping[str, Any] | None:
    """The owner reference of the controller that it belongs to."""
    for reference in body["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def is_terminating(body: Body) -> bool:
    """Whether it is being deleted."""
    return bool(body["metadata"].get("deletionTimestamp"))


def make_owner_reference(owner: Body) -> dict[str, Any]:
    """What a controller writes into what it makes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def find_condition(body: Body, name: str) -> Mapping[str, Any]:
    """A condition of its status; empty where there is none."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition.get("type") == name:
            return dict(condition)
    return {}
