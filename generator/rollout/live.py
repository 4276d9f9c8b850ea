"""What a rollout reads from any live object: times, revisions, conditions, owners.

Owns: reading without trust: a field that is missing or of another type is as good as not there. Refuses: meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from generator.render.pods import REVISION, items_at, value_at

EVIDENCE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a status. `status` is `True`, `False` or `Unknown`."""

    status: str
    reason: str
    message: str
    since: datetime | None
    updated: datetime | None


def read_time(value: Any) -> datetime | None:
    """A time of the API; None where there is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_text(body: Any, *path: str) -> str:
    """The text at the path, or an empty one."""
    found = value_at(body, *path)
    return found if isinstance(found, str) else ""


def read_count(body: Any, *path: str) -> int:
    """The number at the path, or 0; counts of a status are left out where they are 0."""
    found = value_at(body, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def read_revision(body: Any, *path: str) -> int | None:
    """The revision annotation of the metadata at the path; None where there is none."""
    text = str(value_at(body, *path, "metadata", "annotations", REVISION) or "")
    return int(text) if text.isascii() and text.isdigit() else None


def template_revision(body: Any) -> int | None:
    """The pod revision that the template of a Deployment or ReplicaSet carries."""
    return read_revision(body, "spec", "template")


def read_uid(body: Any) -> str:
    """The object's uid."""
    return read_text(body, "metadata", "uid")


def read_name(body: Any) -> str:
    """The object's name."""
    return read_text(body, "metadata", "name")


def read_created(body: Any) -> datetime | None:
    """When the object was made."""
    return read_time(value_at(body, "metadata", "creationTimestamp"))


def is_terminating(body: Any) -> bool:
    """Whether the object is being deleted."""
    return bool(value_at(body, "metadata", "deletionTimestamp"))


def controller_uid(body: Any, kind: str = "") -> str:
    """The uid of the owner that controls the object, of this kind if one is named; empty where there is none."""
    for owner in items_at(body, "metadata", "ownerReferences"):
        if owner.get("controller") and kind in ("", owner.get("kind")):
            return str(owner.get("uid") or "")
    return ""


def read_conditions(body: Any) -> dict[str, Condition]:
    """The conditions of a status by type."""
    return {
        str(item.get("type")): Condition(
            str(item.get("status") or ""),
            str(item.get("reason") or ""),
            str(item.get("message") or ""),
            read_time(item.get("lastTransitionTime")),
            read_time(item.get("lastUpdateTime")),
        )
        for item in items_at(body, "status", "conditions")
    }


def newest(*moments: datetime | None) -> datetime | None:
    """The latest of those that are known."""
    return max((moment for moment in moments if moment is not None), default=None)


def oldest(*moments: datetime | None) -> datetime | None:
    """The earliest of those that are known."""
    return min((moment for moment in moments if moment is not None), default=None)


def one_line(*parts: str) -> str:
    """Evidence: the parts that are there, on one line, at most 1,000 characters."""
    text = " ".join(": ".join(part for part in parts if part).split())
    return text if len(text) <= EVIDENCE_LENGTH else text[: EVIDENCE_LENGTH - 1] + "…"


def spec_written_at(body: Mapping[str, Any]) -> datetime | None:
    """When somebody last wrote the object other than its status, by the times of its field managers."""
    entries = items_at(body, "metadata", "managedFields")
    return newest(*(read_time(entry.get("time")) for entry in entries if not entry.get("subresource")))
