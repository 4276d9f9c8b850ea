"""What the API server fills in where a manifest says nothing.

Owns: the defaults that can be seen in what revstamp renders. Refuses: who owns a field; defaults have no owner.
Source: a real server's answers, Kubernetes 1.36 and KServe 0.17.
"""

from __future__ import annotations

import zlib
from typing import Any

from generator.cluster.simulated.bodies import address_of


def set_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its defaults. What is given is not changed; parts are shared."""
    kind = address_of(body)[0]
    if kind == ("apps", "Deployment"):
        return {**body, "spec": _default_deployment(body.get("spec") or {}), "status": body.get("status") or {}}
    if kind == ("", "Pod"):
        status = body.get("status") or {"phase": "Pending"}
        return {**body, "spec": default_pod(body.get("spec") or {}), "status": status}
    if kind == ("", "Service"):
        return _default_service(body)
    if kind == ("autoscaling", "HorizontalPodAutoscaler"):
        return {**body, "spec": _default_autoscaler(body.get("spec") or {})}
    if kind == ("gateway.networking.k8s.io", "HTTPRoute"):
        return {**body, "spec": _default_route(body.get("spec") or {})}
    if kind == ("serving.kserve.io", "InferenceService"):
        return _default_inference_service(body)
    if kind == ("", "Namespace"):
        return {**body, "status": body.get("status") or {"phase": "Active"}}
    return body


def _default_deployment(spec: dict[str, Any]) -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", **(spec.get("strategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {
            "maxUnavailable": "25%",
            "maxSurge": "25%",
            **(strategy.get("rollingUpdate") or {}),
        }
    template = spec.get("template") or {}
    filled = {
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "replicas": 1,
        **{key: value for key, value in spec.items() if value is not None},
        "strategy": strategy,
    }
    if "template" in spec:
        filled["template"] = {**template, "spec": default_pod(template.get("spec") or {})}
    return filled


def default_pod(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of a pod."""
    filled = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        **{key: value for key, value in spec.items() if value is not None},
    }
    if "serviceAccountName" in filled:
        filled["serviceAccount"] = filled["serviceAccountName"]  # its old name
    for name in ("containers", "initContainers"):
        if filled.get(name):
            filled[name] = [_default_container(container) for container in filled[name]]
    if filled.get("volumes"):
        filled["volumes"] = [_default_volume(volume) for volume in filled["volumes"]]
    return filled


def _default_container(container: dict[str, Any]) -> dict[str, Any]:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    filled = {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent",
        **container,
    }
    if filled.get("ports"):
        filled["ports"] = [{"protocol": "TCP", **port} for port in filled["ports"]]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        if name in filled:
            filled[name] = _default_probe(filled[name])
    resources = filled["resources"]
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    missing = {key: value for key, value in limits.items() if key not in requests}
    if missing:
        filled["resources"] = {**resources, "requests": {**requests, **missing}}
    return filled


def _default_probe(probe: dict[str, Any]) -> dict[str, Any]:
    filled = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3, **probe}
    if "httpGet" in filled:
        filled["httpGet"] = {"path": "/", "scheme": "HTTP", **filled["httpGet"]}
    return filled


def _default_volume(volume: dict[str, Any]) -> dict[str, Any]:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if source in volume:
            return {**volume, source: {"defaultMode": 420, **volume[source]}}
    return volume if len(volume) > 1 else {**volume, "emptyDir": {}}


def _default_service(body: dict[str, Any]) -> dict[str, Any]:
    spec = body.get("spec") or {}
    number = zlib.crc32(f"{address_of(body)}".encode())
    ip = f"10.96.{number >> 8 & 255}.{number & 255}"
    filled = {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "clusterIP": ip,
        **spec,
    }
    filled["clusterIPs"] = [filled["clusterIP"]]
    filled["ports"] = [{"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec.get("ports") or ()]
    return {**body, "spec": filled, "status": body.get("status") or {"loadBalancer": {}}}


def _default_autoscaler(spec: dict[str, Any]) -> dict[str, Any]:
    filled = {"minReplicas": 1, **spec}
    if "behavior" not in filled:
        return filled
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
    up = {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent]}
    down = {"selectPolicy": "Max", "policies": [percent]}
    given = spec["behavior"] or {}
    behavior = {
        "scaleUp": {**up, **(given.get("scaleUp") or {})},
        "scaleDown": {**down, **(given.get("scaleDown") or {})},
    }
    return {**filled, "behavior": behavior}


def _default_route(spec: dict[str, Any]) -> dict[str, Any]:
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    backend = {"group": "", "kind": "Service", "weight": 1}
    filled = dict(spec)
    if spec.get("parentRefs"):
        filled["parentRefs"] = [{**parent, **one} for one in spec["parentRefs"]]
    if spec.get("rules"):
        filled["rules"] = [
            {**rule, "backendRefs": [{**backend, **one} for one in rule["backendRefs"]]}
            if "backendRefs" in rule
            else rule
            for rule in spec["rules"]
        ]
    return filled


def _default_inference_service(body: dict[str, Any]) -> dict[str, Any]:
    """What KServe's webhook does: containers without resources get some, a model's format is annotated."""
    spec = body.get("spec") or {}
    predictor = spec.get("predictor")
    if not isinstance(predictor, dict):
        return body
    filled, metadata = dict(predictor), body["metadata"]
    if predictor.get("containers"):
        filled["containers"] = [_give_resources(container) for container in predictor["containers"]]
    if isinstance(model := predictor.get("model"), dict):
        filled["model"] = {"name": "", **_give_resources(model)}
        if name := (model.get("modelFormat") or {}).get("name"):
            metadata = {**metadata, "annotations": {**(metadata.get("annotations") or {}), "modelFormat": name}}
    return {**body, "metadata": metadata, "spec": {**spec, "predictor": filled}}


def _give_resources(container: dict[str, Any]) -> dict[str, Any]:
    usual = {"cpu": "1", "memory": "2Gi"}
    resources = container.get("resources") or {}
    filled = {name: {**usual, **(resources.get(name) or {})} for name in ("limits", "requests")}
    return {**container, "resources": {**resources, **filled}}
