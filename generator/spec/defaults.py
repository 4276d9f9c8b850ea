"""What revstamp takes where neither the endpoint nor its environment says anything.

Owns: the built-in defaults, each with its reason. Refuses: anything that one company would want otherwise than
another without being able to say so in an environment.
"""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "framework": "deployment",
    "gpus": 1,  # of an endpoint that asks for a GPU without saying how many
    "replicas.min": 1,  # as the platform's own create route
    "replicas.max": 3,
    "routing.type": "gateway",  # ingress-nginx is retired
    "routing.ingress.className": "nginx",
    "routing.requestTimeoutSeconds": 600,  # KServe's 60 s cuts long answers off
    "budgets.capacitySeconds": 1800,  # waiting for GPUs is a state, not a failure
    "budgets.downloadSeconds": 1800,
    "budgets.loadSeconds": 1800,  # a 70B model from network storage
    "budgets.preStopSeconds": 10,  # routes forget the pod before its server stops
    "budgets.drainSeconds": 60,  # answers under way are finished
    "kserve.version": "0.16",
    "kserve.mode": "Standard",
    "kserve.predictor": "container",
    "kserve.modelFormat": "huggingface",
    "autoscaling.cpuUtilization": 80,  # as KServe's own HPA
    "pod.shmSize": "2Gi",  # tensor parallel workers talk through /dev/shm
}
