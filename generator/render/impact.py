"""What a change costs while it rolls out: pods that restart, GPUs held, GPUs needed on top.

Owns: the arithmetic of two workloads that follow each other. Refuses: whether the GPUs are free (the plan asks).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from generator.render.impact_workload import Workload


@dataclass(frozen=True, slots=True)
class Impact:
    """Pods and GPUs before, after and during the change. All counts are for the least number of replicas.

    `gpus_extra` are GPUs beyond `gpus_before` at the worst moment; `least_serving` the pods that serve at that
    moment at least. `downtime` says in words what that means, empty where replicas keep serving.
    """

    replicas_before: int = 0
    replicas_after: int = 0
    replicas_restarted: int = 0
    gpus_before: int = 0
    gpus_after: int = 0
    gpus_extra: int = 0
    least_serving: int = 0
    downtime: str = ""


def measure_impact(before: Workload | None, after: Workload | None, *, restarts: bool, anew: bool) -> Impact:
    """The impact of going from one workload to the other.

    `restarts`: pods are replaced. `anew`: the object itself is made anew, because an immutable field changes.
    """
    old_pods, new_pods = (before.replicas if before else 0), (after.replicas if after else 0)
    held, wanted = (before.gpus_held if before else 0), (after.gpus_held if after else 0)
    restarted = min(old_pods, new_pods) if restarts or anew else 0
    extra, serving = max(0, wanted - held), min(old_pods, new_pods)
    downtime = ""
    if before and after and restarted:
        extra, serving, downtime = _replace(before, after, anew=anew)
    return Impact(old_pods, new_pods, restarted, held, wanted, extra, serving, downtime)


def _replace(before: Workload, after: Workload, *, anew: bool) -> tuple[int, int, str]:
    """GPUs on top, pods that keep serving, and the downtime in words, when pods take the place of pods."""
    held, wanted = before.gpus_held, after.gpus_held
    kept = min(before.replicas, after.replicas)
    if before.identity != after.identity:
        return wanted, kept, ""  # the new object starts beside the old one, which is pruned last
    if anew:
        return max(0, wanted - held), 0, "the object is deleted and made anew: nothing serves until the new pods do"
    if after.side_by_side:
        return wanted, kept, ""
    surge = min(after.surge, after.replicas)
    first_new = kept * before.gpus + surge * after.gpus
    last_old = wanted + min(before.replicas, after.surge) * before.gpus
    extra = max(held, first_new, last_old) - held
    serving = max(0, kept - after.unavailable)
    return extra, serving, "" if serving else "no pod serves between the old one's end and the new one's readiness"


def add_impacts(impacts: Iterable[Impact]) -> Impact:
    """The sum over many endpoints, as if all rolled at once."""
    impacts = tuple(impacts)
    return Impact(
        replicas_before=sum(item.replicas_before for item in impacts),
        replicas_after=sum(item.replicas_after for item in impacts),
        replicas_restarted=sum(item.replicas_restarted for item in impacts),
        gpus_before=sum(item.gpus_before for item in impacts),
        gpus_after=sum(item.gpus_after for item in impacts),
        gpus_extra=sum(item.gpus_extra for item in impacts),
        least_serving=sum(item.least_serving for item in impacts),
        downtime="some endpoints do not serve while they roll" if any(item.downtime for item in impacts) else "",
    )
