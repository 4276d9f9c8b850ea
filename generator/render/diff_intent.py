"""What a change means to the endpoint, in one word or several.

Owns: the words and how they follow from objects, fields and workloads. Refuses: numbers (`impact`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from generator.render.diff_fields import Effect
from generator.render.diff_rows import KindChange
from generator.render.impact_workload import WORKLOADS, Workload
from generator.render.pods import STOP

ROUTE_KINDS = frozenset({"HTTPRoute", "Ingress", "Service"})
_STOP_STEPS = ("metadata", "annotations", STOP)
_SCALE_FIELDS = frozenset({"replicas", "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"})
_ROUTE_FIELDS = frozenset({"timeout", "canaryTrafficPercent"})


class Intent(StrEnum):
    """What happens to the endpoint; declared in the order of weight, the weightiest first.

    `replaced` is a workload that another one takes the place of, of the other framework or made anew; that its pods
    are new ones need not be said.
    `adjusted` is a setting that is neither scale nor route nor metadata and restarts nothing: a strategy, a deadline,
    a disruption budget.
    """

    CREATED = "created"
    DELETED = "deleted"
    STOPPED = "stopped"
    STARTED = "started"
    REPLACED = "replaced"
    RESTARTED = "restarted"
    SCALED = "scaled"
    ROUTED = "routed"
    ADJUSTED = "adjusted"
    METADATA_ONLY = "metadata-only"
    UNCHANGED = "unchanged"


def order_intents(intents: Iterable[Intent]) -> tuple[Intent, ...]:
    """Each intent once, the weightiest first. `metadata-only` and `unchanged` stand only alone, and that a stopped or
    started endpoint has another number of replicas need not be said."""
    found = set(intents) - {Intent.UNCHANGED}
    if found & {Intent.STOPPED, Intent.STARTED}:
        found.discard(Intent.SCALED)
    if Intent.REPLACED in found:
        found.discard(Intent.RESTARTED)
    if found != {Intent.METADATA_ONLY}:
        found.discard(Intent.METADATA_ONLY)
    return tuple(intent for intent in Intent if intent in found) or (Intent.UNCHANGED,)


def workload_intents(before: Workload | None, after: Workload | None, *, restarts: bool) -> set[Intent]:
    """What the two workloads alone tell. Pods that are stopped or started are not called restarted."""
    old, new = (before.replicas if before else 0), (after.replicas if after else 0)
    ceilings = (before.max_replicas if before else 0), (after.max_replicas if after else 0)
    if bool(ceilings[0]) != bool(ceilings[1]):
        return {Intent.STOPPED if ceilings[0] else Intent.STARTED}
    found = {Intent.RESTARTED if any(ceilings) else Intent.ADJUSTED} if restarts else set()
    return found | ({Intent.SCALED} if old != new or ceilings[0] != ceilings[1] else set())


def field_intent(item: KindChange) -> Intent | None:
    """What one field change tells; None where its pods restart, which the workload tells."""
    if item.change.effect is not Effect.NO_RESTART:
        return None if item.kind in WORKLOADS else _other_intent(item.kind)
    steps = item.change.steps
    if steps[:1] == ("metadata",):
        if item.kind == "Ingress" and steps[1:2] == ("annotations",):
            return Intent.ROUTED  # it is by annotations that nginx is told rewrites and time limits
        return None if steps == _STOP_STEPS else Intent.METADATA_ONLY
    if item.kind in WORKLOADS:
        field = steps[2] if item.kind == "InferenceService" and len(steps) > 2 else steps[1] if len(steps) > 1 else ""
        if field in _SCALE_FIELDS:
            return Intent.SCALED
        return Intent.ROUTED if field in _ROUTE_FIELDS else Intent.ADJUSTED
    return _other_intent(item.kind)


def object_intent(kind: str) -> Intent | None:
    """What it means that an object of this kind comes or goes; None for a workload, which its replicas tell.

    A disruption budget comes and goes with the number of replicas.
    """
    if kind in WORKLOADS:
        return None
    return Intent.SCALED if kind == "PodDisruptionBudget" else _other_intent(kind)


def _other_intent(kind: str) -> Intent:
    if kind in ROUTE_KINDS:
        return Intent.ROUTED
    return Intent.SCALED if kind == "HorizontalPodAutoscaler" else Intent.ADJUSTED
