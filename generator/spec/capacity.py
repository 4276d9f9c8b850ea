"""How pods are replaced with the GPUs that an environment declares to be spare.

Owns: choosing the pool and the surge (kubernetes-rules, "GPU rollouts" 1 and 6). Refuses: live capacity, which warns or
refuses at plan time but never changes bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from generator.spec.environment import GpuPool
from generator.spec.resolved import RolloutPlan

CENTI_MIB_PER_GB = 95_367
REAL_CARD_PERCENT = 97
"""Real cards report a little less than their name: an 80 GB card says 81559 MiB, a 24 GB one 23028."""


def gpu_memory_threshold(gigabytes: int) -> int:
    """MiB that the node label `nvidia.com/gpu.memory` must exceed for a card of this many GB.

    953.67 MiB a GB, less three percent, in whole numbers: no rounding of a machine may move it.
    """
    return gigabytes * CENTI_MIB_PER_GB * REAL_CARD_PERCENT // 10_000


def eligible_pools(pools: Sequence[GpuPool], gpu_memory_gb: int | None, chosen: str | None) -> tuple[GpuPool, ...]:
    """The pools whose cards are large enough, or the one that the endpoint names."""
    if chosen is not None:
        return tuple(pool for pool in pools if pool.name == chosen)
    threshold = gpu_memory_threshold(gpu_memory_gb) if gpu_memory_gb else 0
    return tuple(pool for pool in pools if pool.gpu_memory_mib > threshold)


def plan_rollout(gpus: int, replicas: int, spare_gpus: int, load_seconds: int) -> RolloutPlan:
    """Surge where a second pod finds its GPUs, else one pod at a time makes room for its successor.

    One replica with surge and no spare GPU would wait for ever: the new pod for the GPUs of the old one, the old one
    for the new pod to be ready.
    """
    if replicas == 0:
        return RolloutPlan(1, 0, 0, "none: the endpoint is stopped")
    if gpus == 0:
        return RolloutPlan(1, 0, 0, "none: a new pod is ready before an old one goes")
    if spare_gpus >= gpus:
        return RolloutPlan(1, 0, gpus, f"none: a new pod finds its {gpus} GPU(s) among the {spare_gpus} spare ones")
    minutes = max(1, math.ceil(load_seconds / 60))
    if replicas == 1:
        downtime = (
            f"the endpoint is away until its new pod has loaded the model (up to {minutes} min): "
            f"{gpus} GPU(s) are needed for a pod beside the old one, {spare_gpus} are spare"
        )
    else:
        downtime = (
            f"no full outage: one of {replicas} replicas at a time is away while its successor loads "
            f"(up to {minutes} min each), since {spare_gpus} GPU(s) are spare and one replica needs {gpus}"
        )
    return RolloutPlan(0, 1, 0, downtime)
