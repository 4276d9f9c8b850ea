"""What the change of one field does: nothing to the pods, new pods, or a new object.

Owns: the effect by kind and field. It says per field what `pods.pod_part` says per object; a property test holds the
two together. Refuses: walking objects (`diff_fields`).
Sources: immutable fields as the API server refuses them (Deployment's selector, Service's clusterIP) and KServe's
webhook (the deployment mode once status records it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.render.diff_fields import Effect, FieldChange, Steps, walk_fields
from generator.render.pods import (
    KNATIVE_MODES,
    MODE,
    STANDARD_MODES,
    STOP,
    TEMPLATE,
    exempt_fields,
    kind_of,
    value_at,
    without_revisions,
)

SELECTOR = ("spec", "selector")
HIDDEN = "(not shown)"
"""In place of what a Secret holds. None is ever rendered; should a template bring one, not a byte of it is shown."""

CLUSTER_IP = ("spec", "clusterIP")


def compare_objects(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Every field that differs between two versions of one object, but for revisions, with its effect."""
    return tuple(_changes(old, new))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldChange]:
    for steps, before, after in walk_fields(without_revisions(old), without_revisions(new)):
        hide = kind_of(new) == "Secret" and steps[:1] != ("metadata",)
        values = [HIDDEN if hide and value is not None else value for value in (before, after)]
        yield FieldChange(steps, values[0], values[1], _effect(old, new, steps))


def _effect(old: Mapping[str, Any], new: Mapping[str, Any], steps: Steps) -> Effect:
    kind = kind_of(new)
    if kind == "Deployment":
        if _touches(steps, SELECTOR):
            return Effect.REPLACES
        return Effect.RESTARTS if _touches(steps, TEMPLATE) else Effect.NO_RESTART
    if kind == "InferenceService":
        return _inference_service_effect(old, new, steps)
    if kind == "Service" and steps == CLUSTER_IP and value_at(old, *steps) and value_at(new, *steps):
        return Effect.REPLACES
    return Effect.NO_RESTART


def _touches(steps: Steps, place: Steps) -> bool:
    """Whether the change is inside the place, or holds it."""
    return steps[: len(place)] == place[: len(steps)]


def _inference_service_effect(old: Mapping[str, Any], new: Mapping[str, Any], steps: Steps) -> Effect:
    if steps[:1] == ("metadata",):
        if steps == ("metadata", "annotations", MODE):
            return Effect.REPLACES if _mode_changes(old, new) else Effect.RESTARTS
        reaches_pods = steps[1:2] in ((), ("labels",), ("annotations",)) and steps[2:] != (STOP,)
        return Effect.RESTARTS if reaches_pods else Effect.NO_RESTART
    if steps[:1] != ("spec",):
        return Effect.NO_RESTART
    exempt = exempt_fields(old) & exempt_fields(new)
    return Effect.NO_RESTART if steps[1:2] == ("predictor",) and set(steps[2:3]) & exempt else Effect.RESTARTS


def _mode_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the mode is another one, and not only the newer spelling of the same."""
    modes = {str(value_at(body, "metadata", "annotations", MODE)) for body in (old, new)}
    return not (modes <= STANDARD_MODES or modes <= KNATIVE_MODES)
