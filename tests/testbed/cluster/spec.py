"""What a cluster is made of: node pools and the version of KServe.

Owns: the values and the nodes they stand for. Refuses: how it is started.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tests.testbed.catalogue import DEFAULT_KSERVE


@dataclass(frozen=True)
class Pool:
    """Nodes that are alike. `gpu_memory` is in MiB, as the label nvidia.com/gpu.memory says it; 0: no GPUs."""

    name: str
    nodes: int
    gpu_memory: int = 0
    gpu_product: str = ""
    gpus: int = 8


DEFAULT_POOLS = (
    Pool("cpu", 4),
    Pool("a10g", 4, 23028, "NVIDIA-A10G"),
    Pool("a100-40", 4, 40960, "NVIDIA-A100-SXM4-40GB"),
    Pool("h100-80", 4, 81559, "NVIDIA-H100-80GB-HBM3"),
)


@dataclass(frozen=True)
class ClusterSpec:
    """`kserve` is a minor version such as 0.17, or empty for a cluster without KServe.

    `acts` False: nothing but the API server runs, so that objects stay as they were applied, and no namespace ends.
    """

    pools: tuple[Pool, ...] = DEFAULT_POOLS
    kserve: str = DEFAULT_KSERVE
    acts: bool = True

    def to_json(self) -> dict[str, Any]:
        """For the process that starts the cluster."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> ClusterSpec:
        """The other way."""
        return ClusterSpec(tuple(Pool(**pool) for pool in data["pools"]), data["kserve"], data["acts"])


SERVER_ONLY = ClusterSpec((), "", acts=False)


def make_nodes(pool: Pool) -> list[dict[str, Any]]:
    """Node objects as a kubelet would register them: 96 CPUs and 1 TiB each."""
    labels = {"testbed.revstamp.io/pool": pool.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    capacity = {"cpu": "96", "memory": "1Ti", "pods": "250", "ephemeral-storage": "2Ti"}
    if pool.gpu_memory:
        labels |= {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.memory": str(pool.gpu_memory),
            "nvidia.com/gpu.product": pool.gpu_product,
            "nvidia.com/gpu.count": str(pool.gpus),
        }
        capacity["nvidia.com/gpu"] = str(pool.gpus)
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"{pool.name}-{number}",
                "labels": {**labels, "kubernetes.io/hostname": f"{pool.name}-{number}"},
            },
            "status": {"capacity": capacity, "allocatable": capacity},
        }
        for number in range(pool.nodes)
    ]
