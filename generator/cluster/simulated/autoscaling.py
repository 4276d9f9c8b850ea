"""Autoscalers without metrics, as in the tests' cluster: they hold `minReplicas`, and let nobody past `maxReplicas`.

Owns: the number of replicas of what an autoscaler names. Refuses: metrics.
"""

from __future__ import annotations

from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address, is_terminating
from generator.cluster.simulated.world import CONTROLLER_MANAGER, DEPLOYMENT, World


class Autoscalers:
    """Looks at each autoscaler a moment after it or what it scales has changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._targets: dict[tuple[str, str], Address] = {}
        self._due: set[Address] = set()

    def note(self, address: Address, body: Body | None) -> None:
        """An autoscaler was made, changed or is gone."""
        for target, scaler in list(self._targets.items()) if body is None else ():
            if scaler == address:
                del self._targets[target]
        if body is not None:
            named = body["spec"].get("scaleTargetRef") or {}
            if named.get("kind") == "Deployment":
                self._targets[address[1], str(named.get("name"))] = address
            self._await(address)

    def note_target(self, address: Address) -> None:
        """A Deployment has another number of replicas."""
        if (scaler := self._targets.get((address[1], address[2]))) is not None:
            self._await(scaler)

    def _await(self, address: Address) -> None:
        if address not in self._due:
            self._due.add(address)
            self._world.driver.schedule(self._world.times.autoscale_seconds, lambda: self._look(address))

    def _look(self, address: Address) -> None:
        self._due.discard(address)
        scaler = self._world.store.find(address)
        if scaler is None or is_terminating(scaler):
            return
        spec = scaler["spec"]
        target = self._world.store.find((DEPLOYMENT, address[1], str((spec.get("scaleTargetRef") or {}).get("name"))))
        if target is None:
            self._say(scaler, 0, 0, "FailedGetScale")
            return
        live = int(target["spec"]["replicas"])
        wanted = live if live == 0 else min(max(live, int(spec["minReplicas"])), int(spec["maxReplicas"]))
        if wanted != live:
            scaled = {**target, "spec": {**target["spec"], "replicas": wanted}}
            self._world.update(scaled, CONTROLLER_MANAGER, "scale")
        self._say(scaler, live, wanted, "ScalingDisabled" if live == 0 else "FailedGetResourceMetric")

    def _say(self, scaler: Body, current: int, desired: int, reason: str) -> None:
        able = reason != "FailedGetScale"
        conditions: list[dict[str, Any]] = [
            {"type": "AbleToScale", "status": str(able), "reason": "SucceededGetScale" if able else reason},
            {"type": "ScalingActive", "status": "False", "reason": reason},
        ]
        before = {one["type"]: one for one in (scaler.get("status") or {}).get("conditions") or ()}
        for condition in conditions:
            known = before.get(condition["type"], {})
            same = known.get("status") == condition["status"]
            condition["lastTransitionTime"] = known["lastTransitionTime"] if same else self._world.now_text()
        status = {"currentReplicas": current, "desiredReplicas": desired, "conditions": conditions}
        self._world.write_status(scaler, status)
