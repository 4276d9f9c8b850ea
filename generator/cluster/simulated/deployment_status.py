"""What a Deployment says of itself.

Owns: counts and conditions, the progress deadline. Refuses: changing ReplicaSets.
Source: the real controller's answers; reasons NewReplicaSetCreated, ReplicaSetUpdated, NewReplicaSetAvailable,
ProgressDeadlineExceeded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import address_of, find_condition
from generator.cluster.simulated.clock import parse_time
from generator.cluster.simulated.rolling import read_limits
from generator.cluster.simulated.world import World

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


class DeploymentStatus:
    """Writes the status of Deployments."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._deadlines: dict[str, float] = {}

    def write(self, deployment: Body, owned: Sequence[Body], new: Body | None) -> None:
        """Write it where it changed."""
        status = self._count(deployment, owned, new)
        conditions = {one["type"]: one for one in (deployment.get("status") or {}).get("conditions") or ()}
        for condition in (
            self._available(deployment, status),
            self._progressing(deployment, status, new),
            self._failing(deployment, owned, new),
        ):
            if condition.get("status") == "":
                conditions.pop(condition["type"], None)
            elif condition:
                conditions[condition["type"]] = condition
        if conditions:
            status["conditions"] = list(conditions.values())
        self._world.update({**deployment, "status": status}, subresource="status")

    def is_complete(self, deployment: Body) -> bool:
        """Whether nothing but pods of the newest template is there, all available, and the status says so."""
        live = self._world.store.find_uid(str(deployment["metadata"]["uid"])) or deployment
        return _is_complete(live, live.get("status") or {})

    def _count(self, deployment: Body, owned: Sequence[Body], new: Body | None) -> dict[str, Any]:
        total = _sum(owned, "availableReplicas")
        wanted = sum(int(one["spec"]["replicas"]) for one in owned)
        counts = {
            "replicas": _sum(owned, "replicas"),
            "updatedReplicas": _sum([new] if new else [], "replicas"),
            "readyReplicas": _sum(owned, "readyReplicas"),
            "availableReplicas": total,
            "unavailableReplicas": max(0, wanted - total),
        }
        return {
            "observedGeneration": deployment["metadata"]["generation"],
            **{name: counts[name] for name in _COUNTS if counts[name]},
            "terminatingReplicas": _sum(owned, "terminatingReplicas"),
        }

    def _available(self, deployment: Body, status: Mapping[str, Any]) -> dict[str, Any]:
        wanted = int(deployment["spec"]["replicas"])
        least = wanted - read_limits(deployment["spec"]["strategy"], wanted).unavailable
        if (deployment["spec"]["strategy"]).get("type") == "Recreate":
            least = wanted
        if status.get("availableReplicas", 0) >= least:
            words = "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
        else:
            words = "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
        return make_condition(deployment, "Available", *words, self._world.now_text())

    def _progressing(self, deployment: Body, status: Mapping[str, Any], new: Body | None) -> dict[str, Any]:
        deadline = deployment["spec"].get("progressDeadlineSeconds")
        known = find_condition(deployment, "Progressing")
        if not deadline or new is None:
            return {}
        name = new["metadata"]["name"]
        done = status.get("replicas", 0) == status.get("updatedReplicas", 0)
        if done and known.get("reason") == "NewReplicaSetAvailable":
            self._deadlines.pop(str(deployment["metadata"]["uid"]), None)
            return {}
        now = self._world.now_text()
        if _is_complete(deployment, status):
            return progress_condition(
                deployment, "True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.', now
            )
        if _progresses(deployment, status):
            words = f'ReplicaSet "{name}" is progressing.'
            found = progress_condition(deployment, "True", "ReplicaSetUpdated", words, now, touch=True)
            self._await_deadline(deployment, found, float(deadline))
            return found
        if self._is_late(known, float(deadline)):
            words = f'ReplicaSet "{name}" has timed out progressing.'
            return progress_condition(deployment, "False", "ProgressDeadlineExceeded", words, now)
        self._await_deadline(deployment, known, float(deadline))
        return {}

    def _is_late(self, known: Mapping[str, Any], deadline: float) -> bool:
        if known.get("reason") == "NewReplicaSetAvailable" or not known:
            return False
        if known.get("reason") == "ProgressDeadlineExceeded":
            return True
        return parse_time(known["lastUpdateTime"]) + deadline <= self._world.clock.now()

    def _await_deadline(self, deployment: Body, known: Mapping[str, Any], deadline: float) -> None:
        """Look again when the deadline is over, once for each deadline."""
        if not known or known.get("reason") == "ProgressDeadlineExceeded":
            return
        due, uid = parse_time(known["lastUpdateTime"]) + deadline, str(deployment["metadata"]["uid"])
        if self._deadlines.get(uid) == due:
            return
        self._deadlines[uid] = due
        address = address_of(deployment)
        self._world.driver.schedule(due - self._world.clock.now(), lambda: self._world.store.nudge(address))

    def _failing(self, deployment: Body, owned: Sequence[Body], new: Body | None) -> dict[str, Any]:
        for one in [new] if new is not None else owned:
            if failure := find_condition(one, "ReplicaFailure"):
                words = str(failure["reason"]), str(failure["message"])
                return make_condition(deployment, "ReplicaFailure", "True", *words, self._world.now_text())
        return {"type": "ReplicaFailure", "status": ""}


def make_condition(body: Body, name: str, status: str, reason: str, message: str, now: str) -> dict[str, Any]:
    """A condition; its times stay while nothing but words change."""
    known = find_condition(body, name)
    if known.get("status") == status and known.get("reason") == reason:
        return {**known, "message": message}
    moved = known.get("status") != status
    return {
        "type": name,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now if moved else known["lastTransitionTime"],
        "reason": reason,
        "message": message,
    }


def progress_condition(
    deployment: Body, status: str, reason: str, message: str, now: str, *, touch: bool = False
) -> dict[str, Any]:
    """`touch`: there is new progress, so that the deadline counts anew."""
    condition = make_condition(deployment, "Progressing", status, reason, message, now)
    return {**condition, "lastUpdateTime": now} if touch else condition


def with_condition(body: Body, condition: Mapping[str, Any]) -> dict[str, Any]:
    """The status with this condition in the place of the one of its type."""
    status = dict(body.get("status") or {})
    others = [one for one in status.get("conditions") or () if one["type"] != condition["type"]]
    return {**status, "conditions": [*others, dict(condition)]}


def _is_complete(deployment: Body, status: Mapping[str, Any]) -> bool:
    wanted = int(deployment["spec"]["replicas"])
    counts = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    return all(count == wanted for count in counts) and (
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    )


def _progresses(deployment: Body, status: Mapping[str, Any]) -> bool:
    """More new pods, fewer old ones, more ready or available ones than the last status had."""
    before = deployment.get("status") or {}
    old = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    return bool(
        status.get("updatedReplicas", 0) > before.get("updatedReplicas", 0)
        or status.get("replicas", 0) - status.get("updatedReplicas", 0) < old
        or status.get("readyReplicas", 0) > before.get("readyReplicas", 0)
        or status.get("availableReplicas", 0) > before.get("availableReplicas", 0)
    )


def _sum(owned: Sequence[Body], name: str) -> int:
    return sum(int((one.get("status") or {}).get(name, 0)) for one in owned)
