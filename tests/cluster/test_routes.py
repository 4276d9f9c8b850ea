"""Routes get the status that a load balancer and a gateway controller would give them."""

from __future__ import annotations

import pytest

from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Object

pytestmark = pytest.mark.cluster

_GATEWAYS = "gateway.networking.k8s.io/v1"


def make_route(namespace: str, **annotations: str) -> Object:
    """An HTTPRoute onto a gateway."""
    return {
        "apiVersion": _GATEWAYS,
        "kind": "HTTPRoute",
        "metadata": {"name": "chat", "namespace": namespace, "annotations": annotations},
        "spec": {
            "parentRefs": [{"name": "llm", "namespace": namespace}],
            "rules": [{"backendRefs": [{"name": "chat-svc", "port": 80}]}],
        },
    }


def accepted(route: Object) -> dict[str, str]:
    """What the route's first parent says of the generation that is there now."""
    parents = route.get("status", {}).get("parents") or [{"conditions": []}]
    generation = route["metadata"]["generation"]
    return {one["type"]: one["status"] for one in parents[0]["conditions"] if one["observedGeneration"] == generation}


def test_an_ingress_gets_an_address(testbed: Cluster, namespace: str) -> None:
    """Without one, engines hold it for unfinished for ever."""
    rule = {"service": {"name": "chat-svc", "port": {"number": 80}}}
    ingress: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {"defaultBackend": rule},
    }
    testbed.api.apply(ingress)
    testbed.api.wait(testbed.api.path_of(ingress), lambda it: it["status"].get("loadBalancer", {}).get("ingress"))


def test_a_gateway_is_programmed(testbed: Cluster, namespace: str) -> None:
    """Itself and its listeners."""
    gateway: Object = {
        "apiVersion": _GATEWAYS,
        "kind": "Gateway",
        "metadata": {"name": "llm", "namespace": namespace},
        "spec": {"gatewayClassName": "testbed", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    testbed.api.apply(gateway)
    done = testbed.api.wait(
        testbed.api.path_of(gateway),
        lambda it: (
            {("Accepted", "True"), ("Programmed", "True")}
            <= {(one["type"], one["status"]) for one in it["status"]["conditions"]}
        ),
    )
    assert done["status"]["listeners"][0]["name"] == "http"


def test_a_route_is_accepted_in_each_generation(testbed: Cluster, namespace: str) -> None:
    """Also after a change: the status names the generation that it is of."""
    route = make_route(namespace)
    path = testbed.api.path_of(route)
    testbed.api.apply(route)
    testbed.api.wait(path, lambda it: accepted(it) == {"Accepted": "True", "ResolvedRefs": "True"})
    testbed.api.apply({**route, "spec": {**route["spec"], "hostnames": ["llm.example.com"]}})
    second = testbed.api.wait(path, lambda it: it["metadata"]["generation"] == 2 and accepted(it))
    assert accepted(second)["Accepted"] == "True"


def test_a_route_may_be_refused(testbed: Cluster, namespace: str) -> None:
    """By an annotation."""
    route = make_route(namespace, **{"testbed.revstamp.io/fate": "not-accepted"})
    testbed.api.apply(route)
    testbed.api.wait(testbed.api.path_of(route), lambda it: accepted(it).get("Accepted") == "False")
