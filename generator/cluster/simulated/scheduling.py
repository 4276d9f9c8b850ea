"""The scheduler: which node a pod runs on, by GPUs, node selectors and node affinity.

Owns: how many GPUs of each node are taken, and who waits for them. Refuses: CPU, memory, taints, preemption.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address, find_condition, labels_of
from generator.cluster.simulated.selectors import meets_operator
from generator.cluster.simulated.times import NodePool
from generator.cluster.simulated.world import NODE, World

GPU = "nvidia.com/gpu"
_COMPONENT = "default-scheduler"
_NO_MATCH = "node(s) didn't match Pod's node affinity/selector"
_NO_GPU = f"Insufficient {GPU}"
_CORDONED = "node(s) were unschedulable"


class Scheduler:
    """Gives pods nodes. Pods that fit nowhere are tried again when something ends or a node changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taken: Counter[str] = Counter()
        self._pods: Counter[str] = Counter()
        self._placed: dict[str, tuple[str, int]] = {}
        self._waiting: dict[str, Address] = {}

    def sync(self, address: Address) -> None:
        """Place one pod that has no node."""
        pod = self._world.store.find(address)
        if pod is None:
            return
        uid = str(pod["metadata"]["uid"])
        if pod["spec"].get("nodeName"):
            if uid not in self._placed:
                self._take(uid, str(pod["spec"]["nodeName"]), count_gpus(pod))
            return
        gpus = count_gpus(pod)
        reasons: Counter[str] = Counter()
        fitting = []
        for node in self._world.store.iterate(NODE):
            reason = self._judge(pod, node, gpus)
            if reason:
                reasons[reason] += 1
            else:
                name = str(node["metadata"]["name"])
                fitting.append((self._load(node, name, gpus), self._pods[name], name))
        if fitting:
            chosen = min(fitting)[2]
            self._take(uid, chosen, gpus)
            self._bind(pod, chosen)
        else:
            self._waiting[uid] = address
            self._refuse(pod, reasons)

    def release(self, uid: str) -> None:
        """A pod is gone: what it held is free, and those that wait are tried again."""
        self._waiting.pop(uid, None)
        node, gpus = self._placed.pop(uid, ("", 0))
        if node:
            self._pods[node] -= 1
            self._taken[node] -= gpus
            if gpus:
                self.retry()

    def retry(self) -> None:
        """Try all pods that wait, the oldest first."""
        for address in self._waiting.values():
            self._world.driver.enqueue(("schedule", address), lambda address=address: self.sync(address))  # type: ignore[misc]

    def _load(self, node: Body, name: str, gpus: int) -> int:
        """Pods without GPUs go where none are; those with GPUs fill a node before the next one is begun."""
        return -self._taken[name] if gpus else _allocatable(node)

    def _judge(self, pod: Body, node: Body, gpus: int) -> str:
        """Why the node does not do; nothing where it does."""
        if (node.get("spec") or {}).get("unschedulable"):
            return _CORDONED
        if not _selects(pod["spec"], node):
            return _NO_MATCH
        if gpus > _allocatable(node) - self._taken[str(node["metadata"]["name"])]:
            return _NO_GPU
        return ""

    def _take(self, uid: str, node: str, gpus: int) -> None:
        self._waiting.pop(uid, None)
        self._placed[uid] = (node, gpus)
        self._pods[node] += 1
        self._taken[node] += gpus

    def _bind(self, pod: Body, node: str) -> None:
        now = self._world.now_text()
        condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
        status = {**(pod.get("status") or {}), "phase": "Pending", "conditions": [condition]}
        bound = self._world.store.replace(
            {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status}, in_status=True
        )
        metadata = pod["metadata"]
        words = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        self._world.events.write(bound, "Normal", "Scheduled", words, _COMPONENT)

    def _refuse(self, pod: Body, reasons: Counter[str]) -> None:
        message = _say_unschedulable(reasons)
        known = find_condition(pod, "PodScheduled")
        if known.get("message") == message:
            return
        since = known.get("lastTransitionTime") or self._world.now_text()
        condition = {
            "type": "PodScheduled",
            "observedGeneration": pod["metadata"].get("generation", 1),
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": since,
            "reason": "Unschedulable",
            "message": message,
        }
        status = {**(pod.get("status") or {}), "phase": "Pending", "conditions": [condition]}
        shown = self._world.write_status(pod, status)
        self._world.events.write(shown, "Warning", "FailedScheduling", message, _COMPONENT)


def _say_unschedulable(reasons: Counter[str]) -> str:
    total = sum(reasons.values())
    if not total:
        return "no nodes available to schedule pods"
    words = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    preemption = f"preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
    return f"0/{total} nodes are available: {words}. no new claims to deallocate, {preemption}"


def count_gpus(pod: Body) -> int:
    """GPUs of a pod: those of its containers together, or of its biggest init container."""

    def asked(container: Mapping[str, Any]) -> int:
        resources = container.get("resources") or {}
        found = (resources.get("limits") or {}).get(GPU, (resources.get("requests") or {}).get(GPU, 0))
        return int(found)

    spec = pod["spec"]
    servers = sum(map(asked, spec.get("containers") or ()))
    return max([servers, *map(asked, spec.get("initContainers") or ())])


def _allocatable(node: Body) -> int:
    status = node.get("status") or {}
    return int((status.get("allocatable") or status.get("capacity") or {}).get(GPU, 0))


def _selects(spec: Mapping[str, Any], node: Body) -> bool:
    labels = labels_of(node)
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    return any(_meets_term(term, labels, node) for term in affinity.get("nodeSelectorTerms") or ())


def _meets_term(term: Mapping[str, Any], labels: Mapping[str, str], node: Body) -> bool:
    expressions: Sequence[Mapping[str, Any]] = term.get("matchExpressions") or ()
    fields: Sequence[Mapping[str, Any]] = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    name = str(node["metadata"]["name"])
    return all(
        meets_operator(str(one["operator"]), labels.get(str(one["key"])), one.get("values") or ())
        for one in expressions
    ) and all(meets_operator(str(one["operator"]), name, one.get("values") or ()) for one in fields)


def make_nodes(pool: NodePool) -> list[dict[str, Any]]:
    """Node objects as a kubelet registers them: 96 CPUs and 1 TiB each."""
    labels = {"testbed.revstamp.io/pool": pool.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    capacity = {"cpu": "96", "memory": "1Ti", "pods": "250", "ephemeral-storage": "2Ti"}
    if pool.gpu_memory:
        capacity[GPU] = str(pool.gpus)
        labels |= {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.memory": str(pool.gpu_memory),
            "nvidia.com/gpu.product": pool.gpu_product,
            "nvidia.com/gpu.count": str(pool.gpus),
        }
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"{pool.name}-{number}",
                "labels": {**labels, "kubernetes.io/hostname": f"{pool.name}-{number}"},
            },
            "spec": {},
            "status": {
                "capacity": capacity,
                "allocatable": capacity,
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            },
        }
        for number in range(pool.nodes)
    ]
