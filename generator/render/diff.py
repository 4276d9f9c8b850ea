"""What changes between two renderings of one endpoint, and what that does to what runs.

Owns: the comparison of objects, the intents, and the sums over a fleet. Refuses: presenting it (`report`) and looking
at a cluster: all of it follows from two trees in git.

Revisions are not compared as fields. Where only they differ the endpoint is restarted without any change of its
configuration, and that is what the difference says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from generator.render.diff_fields import Effect
from generator.render.diff_intent import Intent, field_intent, object_intent, order_intents, workload_intents
from generator.render.diff_objects import Bodies, ObjectChange, ObjectDiff, Objects, compare_renderings, object_bodies
from generator.render.diff_rows import KindChange, Row, compare_facts
from generator.render.impact import Impact, add_impacts, measure_impact
from generator.render.impact_workload import WORKLOADS, Workload, read_workload


@dataclass(frozen=True)
class EndpointDiff:
    """All that changes for one endpoint. `rows` tell it in words, `others` are the fields that no row tells.

    `replaces` says, one sentence each, which objects cannot be changed in place. `bodies` are the objects themselves,
    before and after; what takes long is worked out of them when it is asked for.
    """

    name: str
    environment: str
    before_revision: int | None
    after_revision: int | None
    intents: tuple[Intent, ...]
    objects: tuple[ObjectDiff, ...]
    replaces: tuple[str, ...]
    impact: Impact
    bodies: tuple[Bodies, Bodies] = field(repr=False)
    switched: bool

    @property
    def rows(self) -> tuple[Row, ...]:
        """The semantic table."""
        return self._told[0]

    @property
    def others(self) -> tuple[KindChange, ...]:
        """Field changes that no row tells."""
        return self._told[1]

    @cached_property
    def _told(self) -> tuple[tuple[Row, ...], tuple[KindChange, ...]]:
        return compare_facts(*self.bodies, _field_changes(self.objects), anew=self.switched)

    @property
    def primary(self) -> Intent:
        """The weightiest intent."""
        return self.intents[0]

    @property
    def changed(self) -> bool:
        """Whether anything differs at all, revisions included."""
        return any(item.change is not ObjectChange.UNCHANGED for item in self.objects)

    @property
    def restart_only(self) -> bool:
        """Whether pods are replaced though no field of any object differs."""
        changes = {item.change for item in self.objects}
        return ObjectChange.RESTARTED in changes and changes <= {
            ObjectChange.RESTARTED,
            ObjectChange.RESTAMPED,
            ObjectChange.UNCHANGED,
        }


@dataclass(frozen=True, slots=True)
class FleetDiff:
    """Differences of many endpoints, with their sums."""

    endpoints: tuple[EndpointDiff, ...]

    @property
    def changed(self) -> tuple[EndpointDiff, ...]:
        """Those in which anything differs."""
        return tuple(item for item in self.endpoints if item.changed)

    @property
    def restarting(self) -> tuple[EndpointDiff, ...]:
        """Those of which pods are replaced."""
        return tuple(item for item in self.endpoints if item.impact.replicas_restarted)

    @property
    def impact(self) -> Impact:
        """The sum, as if all rolled at once."""
        return add_impacts(item.impact for item in self.endpoints)

    @property
    def intents(self) -> dict[Intent, int]:
        """How many endpoints each intent is the primary one of; those without any are left out."""
        counts = Counter(item.primary for item in self.endpoints)
        return {intent: counts[intent] for intent in Intent if counts[intent]}

    def gpus_extra(self, rollouts: int) -> int:
        """GPUs needed on top when at most so many rollouts run at once: the sum of the hungriest."""
        return sum(sorted((item.impact.gpus_extra for item in self.endpoints), reverse=True)[: max(0, rollouts)])


def diff_endpoint(
    before: Objects,
    after: Objects,
    *,
    name: str,
    environment: str,
    before_revision: int | None = None,
    after_revision: int | None = None,
) -> EndpointDiff:
    """The difference of two renderings: ManifestSets, or file name → body. What is no object is passed over."""
    old, new = object_bodies(before), object_bodies(after)
    objects = tuple(compare_renderings(old, new))
    old_workload, new_workload = read_workload(old.values()), read_workload(new.values())
    changes = _field_changes(objects)
    replaces = tuple(_replacements(objects, old_workload, new_workload))
    restarts = any(item.restarts for item in objects)
    anew = any(item.kind in WORKLOADS and item.change is ObjectChange.REPLACED for item in objects)
    switched = _is_switched(old_workload, new_workload)
    return EndpointDiff(
        name=name,
        environment=environment,
        before_revision=before_revision,
        after_revision=after_revision,
        intents=_intents(objects, changes, old_workload, new_workload, restarts=restarts, anew=anew or switched),
        objects=objects,
        replaces=replaces,
        impact=measure_impact(old_workload, new_workload, restarts=restarts or switched, anew=anew),
        bodies=(old, new),
        switched=switched,
    )


def _field_changes(objects: Iterable[ObjectDiff]) -> list[KindChange]:
    return [KindChange(item.kind, item.name, change) for item in objects for change in item.fields]


def _is_switched(before: Workload | None, after: Workload | None) -> bool:
    return before is not None and after is not None and before.identity != after.identity


def _named(workload: Workload) -> str:
    kind, namespace, name = workload.identity
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _replacements(objects: Iterable[ObjectDiff], before: Workload | None, after: Workload | None) -> Iterable[str]:
    if before and after and _is_switched(before, after):
        yield f"{_named(before)} goes and {_named(after)} takes its place"
    for item in objects:
        fields = [field.path for field in item.fields if field.effect is Effect.REPLACES]
        if fields:
            yield f"{item.kind} {item.name} has to be made anew: {', '.join(fields)} cannot be changed in place"


def _intents(
    objects: tuple[ObjectDiff, ...],
    changes: Iterable[KindChange],
    before: Workload | None,
    after: Workload | None,
    *,
    restarts: bool,
    anew: bool,
) -> tuple[Intent, ...]:
    kinds = {item.change for item in objects}
    if kinds == {ObjectChange.CREATED}:
        return (Intent.CREATED,)
    if kinds == {ObjectChange.DELETED}:
        return (Intent.DELETED,)
    found = workload_intents(before, after, restarts=restarts) | ({Intent.REPLACED} if anew else set())
    come_or_gone = (ObjectChange.CREATED, ObjectChange.DELETED)
    told = [object_intent(item.kind) for item in objects if item.change in come_or_gone]
    told += [field_intent(item) for item in changes]
    found |= {intent for intent in told if intent is not None}
    if ObjectChange.RESTAMPED in kinds:
        found.add(Intent.METADATA_ONLY)
    return order_intents(found)
