"""Claims about routes: the prefix is replaced, the rest of the path is kept."""

from __future__ import annotations

from tests.render.rendering import body, warned


def test_a_gateway_route_replaces_its_prefix() -> None:
    spec = body("HTTPRoute")["spec"]
    rule = spec["rules"][0]
    assert spec["parentRefs"] == [{"name": "llm-gateway", "namespace": "gateways"}]
    assert spec["hostnames"] == ["llm-ops.local"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/llm/chat"}}]
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": rewrite}]
    assert rule["backendRefs"] == [{"name": "svc-0123456789ab-svc", "port": 80}]
    assert rule["timeouts"] == {"request": "300s"}


def test_an_ingress_keeps_the_path_below_its_route() -> None:
    ingress = body("Ingress", routing__type="ingress", route="/llm/v1.5", routing__ingress_tls_secret="tls")
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/llm/v1\\.5(/|$)(.*)"
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/rewrite-target"] == "/$2"
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "300"
    assert ingress["spec"]["tls"] == [{"hosts": ["llm-ops.local"], "secretName": "tls"}]


def test_a_route_without_a_host_takes_any() -> None:
    assert "hostnames" not in body("HTTPRoute", routing__host=None)["spec"]
    ingress = body("Ingress", routing__type="ingress", routing__host=None, routing__ingress_tls_secret="tls")
    assert "host" not in ingress["spec"]["rules"][0]
    assert ingress["spec"]["tls"] == [{"secretName": "tls"}]


def test_routes_to_knative_carry_the_host_it_routes_by() -> None:
    given = {"framework": "kserve", "kserve__mode": "Knative"}
    host = "svc-0123456789ab-predictor.llm-ops-dev.svc.cluster.local"
    route = body("HTTPRoute", **given)["spec"]["rules"][0]
    assert route["filters"][0]["urlRewrite"]["hostname"] == host
    assert route["backendRefs"][0]["name"] == "svc-0123456789ab-predictor"
    ingress = body("Ingress", routing__type="ingress", **given)
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/upstream-vhost"] == host


def test_annotations_of_people_that_revstamp_replaces_are_named() -> None:
    nginx = "nginx.ingress.kubernetes.io"
    given = {f"{nginx}/rewrite-target": "/", f"{nginx}/proxy-read-timeout": "5", f"{nginx}/proxy-body-size": "8m"}
    ingress = {"routing__type": "ingress", "routing__ingress_annotations": given}
    assert warned(
        f"the ingress annotation {nginx}/rewrite-target is set by revstamp: '/' is replaced by '/$2'", **ingress
    )
    assert warned("'5' is replaced by '300', as routing.requestTimeoutSeconds says", **ingress)
    assert not warned("proxy-body-size", **ingress)
    assert not warned("ingress annotation", **{**ingress, "routing__type": "gateway"})
    assert not warned(
        "ingress annotation", **{**ingress, "routing__ingress_annotations": {f"{nginx}/use-regex": "true"}}
    )
