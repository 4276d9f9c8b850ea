"""Environments that differ in all that changes what is rendered, and endpoints that meet each side of it.

Owns: the inputs of the golden manifests. Refuses: what they render to.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SHIPPED = Path(__file__).parents[2] / "environments" / "prod" / "environment.yaml"
INGRESS = {
    "type": "ingress",
    "host": "models.example.com",
    "ingress": {
        "className": "nginx",
        "tlsSecret": "models-tls",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"},
    },
}
POD = {
    "serviceAccountName": "models",
    "imagePullSecrets": ["registry"],
    "priorityClassName": "serving",
    "runtimeClassName": "nvidia",
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "nodeSelector": {"topology.kubernetes.io/zone": "a"},
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
    "containerSecurityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    "env": [{"name": "HF_TOKEN", "secret": {"name": "hub", "key": "token"}}, {"name": "LOG_LEVEL", "value": "info"}],
    "labels": {"team": "serving"},
    "annotations": {"example.com/scrape": "yes"},
}
METRICS = {
    "cpuUtilization": 75,
    "metrics": {
        "gpuUtilization": {"type": "Pods", "metric": "dcgm_gpu_utilization"},
        "targetLatencyMs": {
            "type": "External",
            "metric": "request_latency_seconds",
            "selector": {"quantile": "0.95"},
            "divisor": 1000,
        },
    },
}
VARIANTS: dict[str, dict[str, Any]] = {
    "deployment-gateway": {},
    "deployment-ingress-pods": {"routing": INGRESS, "pod": POD, "autoscaling": METRICS},
    "deployment-no-route-no-spare": {"routing": {"type": "none"}, "spareGpus": 0, "kubernetesVersion": "1.32"},
    "kserve-0-15-standard-ingress": {"framework": "kserve", "kserve": "0.15", "routing": INGRESS},
    "kserve-0-15-knative": {"framework": "kserve", "kserve": "0.15", "mode": "Knative", "routing": {"type": "none"}},
    "kserve-0-16-standard-metrics": {"framework": "kserve", "kserve": "0.16", "autoscaling": METRICS, "pod": POD},
    "kserve-0-17-model-predictor": {
        "framework": "kserve",
        "kserve": "0.17",
        "predictor": "model",
        "modelFormat": "huggingface",
        "runtime": "kserve-huggingfaceserver",
    },
    "kserve-0-20-knative": {"framework": "kserve", "kserve": "0.20", "mode": "Knative"},
}


def environment_text(name: str) -> str:
    """The environment file of a variant: the shipped one with the variant's differences."""
    data = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    spec, variant = data["spec"], copy.deepcopy(VARIANTS[name])
    data["metadata"]["name"], spec["namespace"] = name, f"llm-{name}"
    for pool in spec["gpuPools"]:
        pool["spareGpus"] = variant.get("spareGpus", pool["spareGpus"])
    spec["kserve"] = {"version": variant.pop("kserve", "0.16"), "mode": variant.pop("mode", "Standard")}
    kserve = {key: variant.pop(key) for key in ("predictor", "modelFormat", "runtime") if key in variant}
    variant.pop("spareGpus", None)
    spec["routing"].update(variant.pop("routing", {}))
    spec.update(variant)
    spec["kserve"].update(kserve)
    return yaml.safe_dump(data, sort_keys=False)


def _endpoint(name: str, uri: str, **spec: Any) -> dict[str, Any]:
    resources, runtime = spec.pop("resources", {"gpus": 1}), spec.pop("runtime", {})
    deployment = {"job_type": "SFT", "resources": resources, "runtime": runtime, **spec.pop("deployment", {})}
    model = {
        "name": f"model-{name}",
        "version": "1.0",
        "family": "llama",
        "storageUri": uri,
        "metadata": {"max_position_embeddings": 32768, "num_attention_heads": 32},
    }
    return {
        "apiVersion": "revstamp.io/v1",
        "kind": "Endpoint",
        "metadata": {"name": name, "owner": "serving"},
        "spec": {"route": f"/llm/{name}", "model": model, "deployment": deployment, **spec},
    }


ENDPOINTS: Mapping[str, dict[str, Any]] = {
    "large-s3": _endpoint(
        "large-s3",
        "s3://models/large",
        resources={"gpus": 4, "gpu_memory_gb": 80},
        runtime={"max_input_tokens": 16384, "max_output_tokens": 4096},
        memory={"request": "160Gi", "limit": "200Gi"},
        pod={"shmSize": "16Gi"},
    ),
    "scaled": _endpoint(
        "scaled",
        "gs://models/scaled",
        server="sglang",
        replicas={"min": 2, "max": 6},
        autoscaling={"cpuUtilization": 60, "gpuUtilization": 70, "targetLatencyMs": 800},
    ),
    "tgi-hub": _endpoint("tgi-hub", "hf://example/model", server="tgi", runtime={"max_concurrent_requests": 64}),
    "triton": _endpoint("triton", "s3://models/triton", server="triton", budgets={"loadSeconds": 900}),
    "cpu-claim": _endpoint(
        "cpu-claim",
        "pvc://models/embed",
        resources={"gpus": 0},
        deployment={"job_type": "EMBEDDING", "use_gpu": False},
        cpu={"request": "0.5", "limit": "2"},
        memory={"request": "1024Mi", "limit": "4Gi"},
        replicas={"min": 2, "max": 2},
    ),
    "stopped": _endpoint("stopped", "s3://models/stopped", replicas={"min": 0, "max": 0}),
    "to-zero": _endpoint("to-zero", "s3://models/to-zero", replicas={"min": 0, "max": 2}),
    "packed": _endpoint("packed", "oci://registry.internal/models/packed:1", framework="kserve"),
    "canary": _endpoint(
        "canary",
        "s3://models/canary",
        deployment={
            "job_type": "RAG_TUNING",
            "rollout": {"strategy": "canary", "traffic_split": {"old": 80, "new": 20}},
        },
    ),
    "plain": _endpoint("plain", "https://models.example.com/x.tar", server="plain", image="example.com/own:1.2"),
}
