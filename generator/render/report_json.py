"""A difference as JSON data.

Owns: the keys, which scripts rely on: every key is always there. Refuses: printing.
"""

from __future__ import annotations

from typing import Any

from generator.render.diff import EndpointDiff, FleetDiff
from generator.render.diff_fields import FieldChange
from generator.render.diff_objects import ObjectDiff
from generator.render.impact import Impact
from generator.render.report_words import endpoint_verdict, fleet_verdict


def diff_dict(diff: EndpointDiff) -> dict[str, Any]:
    """One endpoint's difference."""
    return {
        "name": diff.name,
        "environment": diff.environment,
        "beforeRevision": diff.before_revision,
        "afterRevision": diff.after_revision,
        "changed": diff.changed,
        "restartOnly": diff.restart_only,
        "verdict": endpoint_verdict(diff),
        "intent": str(diff.primary),
        "intents": [str(intent) for intent in diff.intents],
        "replaces": list(diff.replaces),
        "impact": _impact_dict(diff.impact),
        "rows": [
            {"label": row.label, "old": row.old, "new": row.new, "effect": str(row.effect) if row.effect else None}
            for row in diff.rows
        ],
        "otherFields": [{"kind": item.kind, "name": item.name, **_field_dict(item.change)} for item in diff.others],
        "objects": [_object_dict(item) for item in diff.objects],
    }


def fleet_dict(fleet: FleetDiff) -> dict[str, Any]:
    """The sums, and every endpoint in which anything differs."""
    return {
        "verdict": fleet_verdict(fleet),
        "endpoints": len(fleet.endpoints),
        "changed": len(fleet.changed),
        "restarting": len(fleet.restarting),
        "intents": {str(intent): count for intent, count in fleet.intents.items()},
        "impact": _impact_dict(fleet.impact),
        "differences": [diff_dict(item) for item in fleet.changed],
    }


def _impact_dict(impact: Impact) -> dict[str, Any]:
    return {
        "replicasBefore": impact.replicas_before,
        "replicasAfter": impact.replicas_after,
        "replicasRestarted": impact.replicas_restarted,
        "gpusBefore": impact.gpus_before,
        "gpusAfter": impact.gpus_after,
        "gpusExtra": impact.gpus_extra,
        "leastServing": impact.least_serving,
        "downtime": impact.downtime,
    }


def _object_dict(item: ObjectDiff) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "name": item.name,
        "change": str(item.change),
        "restarts": item.restarts,
        "fields": [_field_dict(change) for change in item.fields],
    }


def _field_dict(change: FieldChange) -> dict[str, Any]:
    return {"path": change.path, "old": change.old, "new": change.new, "effect": str(change.effect)}
