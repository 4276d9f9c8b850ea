"""What people did to an object in the cluster, told apart from what controllers do.

Owns: reading it from `managedFields`: who changed which field of ours, who added what git does not have, who asked
for a restart. Refuses: undoing it (`apply_objects`), and changes that equal what git says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generator.cluster.fields import MISSING, Path, iterate_leaves, say_path, value_at_path
from generator.cluster.port import FIELD_MANAGER, Body
from generator.render.pods import ORDINAL

REPLICAS: Path = ("f:spec", "f:replicas")
REPLICAS_MANAGER = "revstamp-replicas"
"""Holds `spec.replicas` from the moment git leaves it to an autoscaler until the autoscaler has written it."""

_RESTARTED_AT = "f:kubectl.kubernetes.io/restartedAt"
_CONTROLLERS = frozenset(
    {"kube-controller-manager", "kube-scheduler", "kubelet", "manager", "kserve-controller-manager", REPLICAS_MANAGER}
)
_NO_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status"})
_LAST_APPLIED = "f:kubectl.kubernetes.io/last-applied-configuration"


class DriftKind(StrEnum):
    """What somebody did."""

    SCALED = "scaled"
    EDITED = "edited"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that somebody did: which fields, by which field manager, when (RFC 3339, empty where unknown)."""

    kind: DriftKind
    manager: str
    fields: tuple[str, ...]
    time: str = ""
    live: str = ""
    """The live value, where it is one short one."""
    wanted: str = ""
    """What git says instead; empty where git does not have the field."""
    adds: bool = False
    """Whether one of the fields is none that git has."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kind": self.kind.value,
            "manager": self.manager,
            "fields": list(self.fields),
            "time": self.time,
            "live": self.live,
            "wanted": self.wanted,
        }

    def __str__(self) -> str:
        when = f" at {self.time}" if self.time else ""
        if self.kind is DriftKind.RESTARTED:
            return f"restarted by {self.manager}{when}"
        values = f" ({self.live} live, {self.wanted or 'nothing'} in git)" if self.live else ""
        return f"{self.kind} by {self.manager}{when}: {', '.join(self.fields)}{values}"


def is_ours(live: Body) -> bool:
    """Whether revstamp has applied the object: its field manager stands there."""
    return any(
        entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")
        for entry in managed_fields(live)
    )


def managed_fields(live: Body) -> list[Mapping[str, Any]]:
    """The entries of `metadata.managedFields`."""
    metadata = live.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    return [entry for entry in entries or () if isinstance(entry, Mapping)]


def content_of(body: Body) -> dict[str, Any]:
    """All of an object that git or a person may write: without its identity, its status and what is counted."""
    metadata = body["metadata"]
    kept = {name: value for name, value in body.items() if name not in _NO_CONTENT}
    annotations = {name: text for name, text in (metadata.get("annotations") or {}).items() if name != ORDINAL}
    return {**kept, "labels": metadata.get("labels"), "annotations": annotations}


def find_drift(manifest: Body, live: Body) -> tuple[Drift, ...]:
    """What somebody changed, by hand, of what the manifest says, or added to it where that decides how pods run."""
    found: list[Drift] = []
    for entry in managed_fields(live):
        if entry.get("manager") == FIELD_MANAGER or not _is_somebody(entry):
            continue
        found.extend(_read_entry(entry, manifest, live))
    return tuple(found)


def _is_somebody(entry: Mapping[str, Any]) -> bool:
    """Whether a person or a foreign tool wrote it: no controller, and not the status."""
    if entry.get("subresource") == "status":
        return False
    return str(entry.get("manager")) not in _CONTROLLERS


def _read_entry(entry: Mapping[str, Any], manifest: Body, live: Body) -> Iterator[Drift]:
    manager, time = str(entry.get("manager")), str(entry.get("time") or "")
    fields = entry.get("fieldsV1")
    restarted: list[Path] = []
    edited: list[Path] = []
    for path in iterate_leaves(fields if isinstance(fields, Mapping) else {}):
        if path[-1] == _RESTARTED_AT:
            restarted.append(path)
        elif _differs(path, manifest, live, manager):
            edited.append(path)
    if restarted:
        yield Drift(DriftKind.RESTARTED, manager, tuple(map(say_path, restarted)), time)
    for kind, paths in (
        (DriftKind.SCALED, [path for path in edited if path == REPLICAS]),
        (DriftKind.EDITED, [path for path in edited if path != REPLICAS]),
    ):
        if paths:
            yield _make_drift(kind, manager, paths, time, manifest, live)


def _make_drift(kind: DriftKind, manager: str, paths: list[Path], time: str, manifest: Body, live: Body) -> Drift:
    shown, wanted = "", ""
    if len(paths) == 1:
        shown, wanted = (_short(value_at_path(body, paths[0])) for body in (live, manifest))
    adds = any(value_at_path(manifest, path) is MISSING for path in paths)
    return Drift(kind, manager, tuple(map(say_path, paths)), time, shown, wanted, adds)


def _short(value: Any) -> str:
    text = "" if value is MISSING or isinstance(value, Mapping | list) else str(value)
    return text if len(text) <= 60 else ""


def _differs(path: Path, manifest: Body, live: Body, manager: str) -> bool:
    """Whether the field says something else than git, or something that git does not say and that reaches pods."""
    value = value_at_path(live, path)
    if value is MISSING or path[-1] == _LAST_APPLIED:
        return False
    wanted = value_at_path(manifest, path)
    if wanted is not MISSING:
        return bool(wanted != value)
    if path == REPLICAS or not manager.startswith("kubectl"):
        return False  # an autoscaler's business, or a tool that adds what it needs, as meshes and injectors do
    return path[0] == "f:spec" or (path[0] == "f:metadata" and manifest.get("kind") == "InferenceService")


def is_controller(manager: str) -> bool:
    """Whether a field manager is one of the cluster's own controllers, or holds replicas for one."""
    return manager in _CONTROLLERS


def is_added(drift: Drift) -> bool:
    """Whether fields were added that git does not have: an apply alone does not take them away."""
    return drift.kind is DriftKind.EDITED and drift.adds


def say_makers(live: Body) -> str:
    """Who has written the object, for people."""
    names = dict.fromkeys(str(entry.get("manager")) for entry in managed_fields(live) if _is_somebody(entry))
    return ", ".join(names) or "nobody known"


def blocks_apply(drift: Drift) -> bool:
    """Whether it stands in the way of what git says; a restart does not."""
    return drift.kind is not DriftKind.RESTARTED
