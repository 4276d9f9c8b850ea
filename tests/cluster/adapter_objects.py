"""Small objects that no controller touches, for tests of the adapter."""

from __future__ import annotations

from typing import Any


def make_map(namespace: str, name: str = "one", value: str = "1", **labels: str) -> dict[str, Any]:
    """A ConfigMap with one key."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": value}}
