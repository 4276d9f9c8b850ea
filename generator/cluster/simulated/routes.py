"""What load balancers and gateways say: an address, a route that is accepted.

Owns: the status of Ingresses, HTTPRoutes and Services of type LoadBalancer. Refuses: routing anything.
"""

from __future__ import annotations

from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address, annotations_of
from generator.cluster.simulated.world import World

_FATE = "testbed.revstamp.io/fate"
_ADDRESS = {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}
_CONTROLLER = "revstamp.io/simulated-gateway"


class Routes:
    """Answers at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    def sync(self, address: Address) -> None:
        """Write the status of one route."""
        body = self._world.store.find(address)
        if body is None:
            return
        if body["kind"] == "HTTPRoute":
            self._world.write_status(body, {"parents": self._parents(body)})
        elif body["kind"] == "Ingress" or body["spec"].get("type") == "LoadBalancer":
            self._world.write_status(body, _ADDRESS)

    def _parents(self, route: Body) -> list[dict[str, Any]]:
        refused = annotations_of(route).get(_FATE) == "not-accepted"
        accepted = ("False", "NoMatchingParent") if refused else ("True", "Accepted")
        known = (route.get("status") or {}).get("parents") or ()
        return [
            {
                "parentRef": parent,
                "controllerName": _CONTROLLER,
                "conditions": [
                    self._condition(route, known, "Accepted", *accepted),
                    self._condition(route, known, "ResolvedRefs", "True", "ResolvedRefs"),
                ],
            }
            for parent in route["spec"].get("parentRefs") or ()
        ]

    def _condition(self, route: Body, known: Any, name: str, status: str, reason: str) -> dict[str, Any]:
        same = [
            one for parent in known for one in parent["conditions"] if (one["type"], one["status"]) == (name, status)
        ]
        return {
            "type": name,
            "status": status,
            "reason": reason,
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": same[0]["lastTransitionTime"] if same else self._world.now_text(),
        }
