"""Making fields of other managers ours, on an object that controllers write to meanwhile.

Owns: reading it again and trying again. Refuses: choosing the managers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from generator.cluster.kinds import ref_of
from generator.cluster.ownership import take_over
from generator.cluster.port import Body, Cluster
from generator.errors import StaleObject

_ATTEMPTS = 10


def take_fields(
    cluster: Cluster, live: Body, choose: Callable[[Body], Sequence[tuple[str, str]]], mark: str = ""
) -> Body:
    """The object once the fields of the (manager, operation) entries that `choose` gives are ours.

    `mark`: an annotation that is set in the same write, so that nobody takes the object for a finished one.
    StaleObject where the object is gone, or changes faster than it can be patched.
    """
    ref = ref_of(live)
    current: Body | None = live
    for _ in range(_ATTEMPTS):
        if current is None:
            raise StaleObject(f"{ref} was deleted meanwhile")
        operations = [*take_over(current, choose(current)), *_mark(current, mark)]
        if not operations:
            return current
        try:
            return cluster.patch(ref, operations)
        except StaleObject:
            current = cluster.read(ref)
    raise StaleObject(f"{ref} changes all the time, so that its fields could not be taken over")


def _mark(live: Body, name: str) -> list[dict[str, Any]]:
    if not name:
        return []
    there = live["metadata"].get("annotations")
    escaped = name.replace("~", "~0").replace("/", "~1")
    first = [] if there else [{"op": "add", "path": "/metadata/annotations", "value": {}}]
    return [*first, {"op": "add", "path": f"/metadata/annotations/{escaped}", "value": "true"}]
