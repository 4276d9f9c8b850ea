"""What a load balancer and a gateway controller would write: addresses of Ingresses and Services, accepted routes.

Owns: stages of Ingress, Service, GatewayClass, Gateway and HTTPRoute. Refuses: sending traffic anywhere.

An HTTPRoute with the annotation `testbed.revstamp.io/fate: not-accepted` is refused by its gateway.
"""

from __future__ import annotations

from typing import Any

from tests.testbed.cluster.fates import PREFIX
from tests.testbed.cluster.stages import Stage, make_stage

_GATEWAYS = "gateway.networking.k8s.io/v1"
_CONTROLLER = "testbed.revstamp.io/gateway"
# The address is of the block for documentation: nothing answers there.
_BALANCED = """\
loadBalancer:
  ingress:
  - ip: 192.0.2.10
"""
_NO_ADDRESS = {"key": ".status.loadBalancer.ingress", "operator": "DoesNotExist"}
# Whether the conditions are of the object as it now is.
_SEEN = (
    "(.metadata.generation) as $now | [.status{path}.conditions[]?.observedGeneration]"
    " | (length > 0 and all(. == $now))"
)
_FATE = f'(.metadata.annotations["{PREFIX}/fate"] // "none")'


def make_route_stages() -> list[Stage]:
    """All of them; the kinds of Gateway API must be known to the server before the fake kubelet starts."""
    return [
        make_stage("networking.k8s.io/v1", "Ingress", "ingress-balanced", [_NO_ADDRESS], {"statusTemplate": _BALANCED}),
        make_stage(
            "v1",
            "Service",
            "service-balanced",
            [{"key": ".spec.type", "operator": "In", "values": ["LoadBalancer"]}, _NO_ADDRESS],
            {"statusTemplate": _BALANCED},
        ),
        make_stage(
            _GATEWAYS, "GatewayClass", "class-accepted", [_unseen("")], {"statusTemplate": _conditions("Accepted")}
        ),
        make_stage(_GATEWAYS, "Gateway", "gateway-programmed", [_unseen("")], {"statusTemplate": _gateway()}),
        _route("route-accepted", "none", True),
        _route("route-refused", "not-accepted", False),
    ]


def _unseen(path: str) -> dict[str, Any]:
    return {"key": _SEEN.format(path=path), "operator": "In", "values": ["false"]}


def _route(name: str, fate: str, accepted: bool) -> Stage:
    selector = [{"key": _FATE, "operator": "In", "values": [fate]}, _unseen(".parents[]?")]
    conditions = _conditions("Accepted", good=accepted, reason="Accepted" if accepted else "NoMatchingParent", indent=2)
    resolved = _conditions("ResolvedRefs", head=False, indent=2)
    status = (
        "{{ $root := . }}\nparents:\n{{ range .spec.parentRefs }}\n"
        f"- controllerName: {_CONTROLLER}\n  parentRef: {{{{ toJson . }}}}\n{conditions}{resolved}{{{{ end }}}}\n"
    )
    return make_stage(_GATEWAYS, "HTTPRoute", name, selector, {"statusTemplate": status})


def _gateway() -> str:
    listener = _conditions("Programmed", indent=2) + _conditions("Accepted", head=False, indent=2)
    return (
        "addresses:\n- {type: IPAddress, value: 192.0.2.10}\n"
        + _conditions("Accepted")
        + _conditions("Programmed", head=False)
        + "{{ $root := . }}\nlisteners:\n{{ range .spec.listeners }}\n"
        + "- name: {{ .name | Quote }}\n  attachedRoutes: 0\n  supportedKinds: []\n"
        + f"{listener}{{{{ end }}}}\n"
    )


def _conditions(name: str, *, good: bool = True, reason: str = "", head: bool = True, indent: int = 0) -> str:
    """One condition, with the word `conditions` before the first."""
    space = " " * indent
    return (f"{space}conditions:\n" if head else "") + (
        f'{space}- {{type: {name}, status: "{good}", reason: {reason or name}, message: "", '
        "observedGeneration: {{ $.metadata.generation }}, lastTransitionTime: {{ Now | Quote }}}\n"
    )
