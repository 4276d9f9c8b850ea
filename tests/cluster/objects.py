"""Objects as revstamp renders them, small: with its labels and revisions."""

from __future__ import annotations

from typing import Any

from tests.testbed.workloads import make_deployment

Body = dict[str, Any]
ENDPOINT = "revstamp.io/endpoint"
REVISION = "revstamp.io/revision"


def labelled(body: Body, endpoint: str = "chat", revision: int = 1) -> Body:
    """With the label and the revision that all of revstamp's objects carry."""
    metadata = body["metadata"]
    metadata["labels"] = {**metadata.get("labels", {}), ENDPOINT: endpoint}
    metadata["annotations"] = {**metadata.get("annotations", {}), REVISION: str(revision)}
    if "template" in body.get("spec", {}):
        body["spec"]["template"]["metadata"]["labels"][ENDPOINT] = endpoint
    return body


def deployment(namespace: str, revision: int = 1, replicas: int | None = 2, **changes: Any) -> Body:
    """A Deployment; `replicas=None` leaves the number to an autoscaler."""
    body = labelled(make_deployment(namespace, revision=revision, replicas=replicas or 0, **changes), revision=revision)
    if replicas is None:
        del body["spec"]["replicas"]
    body["spec"]["template"]["spec"]["containers"][0]["ports"] = [
        {"name": "http", "containerPort": 8000, "protocol": "TCP"}
    ]
    return body


def service(namespace: str, revision: int = 1, target: str | int = "http") -> Body:
    """The Service in front of it."""
    ports = [{"name": "http", "port": 80, "targetPort": target, "protocol": "TCP"}]
    return labelled(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "chat-svc", "namespace": namespace},
            "spec": {"type": "ClusterIP", "selector": {"app": "chat"}, "ports": ports},
        },
        revision=revision,
    )


def autoscaler(namespace: str, least: int = 2, most: int = 5, revision: int = 1) -> Body:
    """An autoscaler of it; without metrics it holds `least`."""
    return labelled(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "chat-hpa", "namespace": namespace},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"},
                "minReplicas": least,
                "maxReplicas": most,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
            },
        },
        revision=revision,
    )


def ingress(namespace: str, revision: int = 1) -> Body:
    """A route to it."""
    backend = {"service": {"name": "chat-svc", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": "/llm/chat", "pathType": "Prefix", "backend": backend}]}}
    return labelled(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "chat-ingress", "namespace": namespace},
            "spec": {"ingressClassName": "nginx", "rules": [rule]},
        },
        revision=revision,
    )
