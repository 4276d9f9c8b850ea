"""How long things take in a simulated cluster, and what nodes it has.

Owns: the values. Refuses: reading a clock. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SimulatedTimes:
    """Times of an ordinary pod, step by step, and of what fails. The defaults are short: tests wait for them.

    A pod names other times itself by annotations: `testbed.revstamp.io/after` and `testbed.revstamp.io/drain`.
    """

    pull_seconds: float = 0.02
    """From the node's choice until the images are there."""
    download_seconds: float = 0.02
    """Each init container."""
    load_seconds: float = 0.02
    """From the start of the server until its startup probe passes."""
    warm_seconds: float = 0.0
    """From then until it is ready."""
    drain_seconds: float = 0.02
    """From a pod's deletion until it is gone; a pod never takes longer than its grace period."""
    autoscale_seconds: float = 0.05
    """Until an autoscaler looks at what it scales; a real one looks each 15 seconds."""
    back_off_seconds: float = 2.0
    """Pause before a container that has crashed starts again; a kubelet begins with 10 and doubles."""
    pull_back_off_seconds: float = 1.0
    """From `ErrImagePull` to `ImagePullBackOff`."""
    pull_retry_seconds: float = 10.0
    """From `ImagePullBackOff` to the next attempt."""
    recover_seconds: float = 0.5
    """From the last restart of a pod that recovers until it is ready."""
    create_retry_seconds: float = 0.5
    """Until pods that a quota has refused are tried again; the pause doubles."""
    fate_seconds: Mapping[str, float] = field(
        default_factory=lambda: {
            "slow-load": 3.0,
            "image-pull": 0.1,
            "crash-loop": 1.0,
            "oom": 1.0,
            "config-error": 0.1,
            "fail-later": 1.0,
            "slow-init": 3.0,
            "init-crash": 1.0,
        }
    )
    """How long until a fate strikes a pod that does not say so itself."""


DEMO_TIMES = SimulatedTimes(
    pull_seconds=0.2,
    download_seconds=0.3,
    load_seconds=0.5,
    warm_seconds=0.1,
    drain_seconds=0.2,
    back_off_seconds=0.5,
    pull_back_off_seconds=0.5,
    pull_retry_seconds=1.0,
)
"""Every phase long enough to be seen: a pod is ready after 1.1 s, two pods are replaced one by one in 3 s."""


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes that are alike. `gpu_memory` is in MiB, as the label `nvidia.com/gpu.memory` says it; 0: no GPUs."""

    name: str
    nodes: int
    gpu_memory: int = 0
    gpu_product: str = ""
    gpus: int = 8


DEFAULT_POOLS = (
    NodePool("cpu", 4),
    NodePool("a10g", 4, 23028, "NVIDIA-A10G"),
    NodePool("a100-40", 4, 40960, "NVIDIA-A100-SXM4-40GB"),
    NodePool("h100-80", 4, 81559, "NVIDIA-H100-80GB-HBM3"),
)
