"""The semantic table: what changed in words of the trade, old → new, and what it does to the pods.

Owns: comparing facts, and which field changes a row already tells. Refuses: reading facts (`diff_facts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from generator.render.diff_fact import Fact
from generator.render.diff_facts import read_facts
from generator.render.diff_fields import Effect, FieldChange, Steps

ORDER = (
    "model",
    "storage",
    "image",
    "runtime",
    "model format",
    "GPUs × replicas",
    "tensor parallel",
    "concurrent requests",
    "input tokens",
    "output tokens",
    "total tokens",
    "replicas",
    "cpu",
    "memory",
    "strategy",
    "canary traffic",
    "startup budget",
    "progress deadline",
    "request timeout",
    "secret keys",
    "route",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `old` or `new` is None where there was or will be none; `effect` is None where there
    are no pods to affect yet or any more."""

    label: str
    old: str | None
    new: str | None
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class KindChange:
    """A field change and the kind of object that it is in."""

    kind: str
    name: str
    change: FieldChange


def compare_facts(
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    changes: Iterable[KindChange],
    *,
    anew: bool,
) -> tuple[tuple[Row, ...], tuple[KindChange, ...]]:
    """The rows that differ, and the field changes that no row tells. `anew`: the workload is made anew."""
    changes = tuple(changes)
    old_facts, new_facts = read_facts(before), read_facts(after)
    rows, told = [], set()
    for label in sorted({**old_facts, **new_facts}, key=ORDER.index):
        old, new = old_facts.get(label), new_facts.get(label)
        if old and new and old.value == new.value:
            continue
        places = _places(old, new)
        told |= {index for index, item in enumerate(changes) if _is_told(item, places)}
        effect = _row_effect(changes, places, anew=anew) if before and after else None
        rows.append(Row(label, _value(old), _value(new), effect))
    return tuple(rows), tuple(item for index, item in enumerate(changes) if index not in told)


def _places(old: Fact | None, new: Fact | None) -> set[tuple[str, Steps]]:
    """The fields that a row tells: where it is read from, and what echoes it on both sides."""
    facts = [fact for fact in (old, new) if fact]
    echoes = set.intersection(*(set(fact.echoes) for fact in facts))
    return echoes | {place for fact in facts for place in fact.places}


def _value(fact: Fact | None) -> str | None:
    return fact.value if fact else None


def _is_told(item: KindChange, places: Iterable[tuple[str, Steps]]) -> bool:
    steps = item.change.steps
    return any(item.kind == kind and steps[: len(place)] == place for kind, place in places)


def _row_effect(changes: Iterable[KindChange], places: Iterable[tuple[str, Steps]], *, anew: bool) -> Effect:
    """The strongest effect of the changes that touch the row's places: what is inside them, or holds them."""
    if anew:
        return Effect.REPLACES
    effects = [Effect.NO_RESTART]
    for item in changes:
        steps = item.change.steps
        if any(item.kind == kind and steps[: len(place)] == place[: len(steps)] for kind, place in places):
            effects.append(item.change.effect)
    return max(effects, key=lambda effect: effect.weight)
