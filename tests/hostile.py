# ruff: noqa: E501  the corpus and the files are tables
"""Hostile specs: an adversarial corpus in every text of an endpoint file, of a request and of the platform's rows.

Owns: the corpus and the cases, the same at every run. Refuses: what must come of them; that is for the tests of each
room that the cases are driven through.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

CORPUS = (
    "a\nb", "a\r\nb", "\n", " ", "", "\t", 'x"\n hostNetwork: true', "x'\n  hostNetwork: true\n#", "x\n---\nkind: Secret",
    "{{ 7*7 }}", "{% for a in b %}", "{# x #}", "${IFS}", "$(VAR)", "$(rm -rf /)", "`id`", "; id", "a && b", "<<: *a", "*a",
    "&a b", "!!python/object:os.system x", "# x", "- x", "? x", "a: b", "{a: b}", "[a, b]", "|", ">-", "%YAML", "@x", "---",
    "...", "\x00", "a\x00b", "\x07", "\x1b[31m", "\x7f", "\x80", "\x85", "\x9f", "\ufeffx", "\u2028", "\u202eevil", "\u2066x",
    "\u200b", "é", "日本", "😀", "𝔘𝔫𝔦", "ﬁ", "١٢٣", "y", "no", "On", "null", "~", "true", "1e3", "0192117", "0x1f", "0o14",
    "1_000", "12:30", ".inf", "NaN", "1.0", "-0", "../x", "/etc/passwd", "..", "-rf", "--help", "C:\\x", "%2e%2e", "x" * 5000,
    "\\", '"', "'", "\\u0000", "a" * 64, "xn--80ak6aa92e", "localhost", "<script>", "=cmd|x", "kubernetes.io/x",
)  # fmt: skip
"""Text that some parser, shell, template, terminal or person takes for something else."""

NUMBERS: tuple[Any, ...] = (-1, 0, 1.5, 2**31, 2**63, 10**400, True, None, "1", [], {}, [[]], 1e308, -1e308)
"""What may stand where a number belongs."""

ENDPOINT: dict[str, Any] = {
    "apiVersion": "revstamp.io/v1",
    "kind": "Endpoint",
    "metadata": {
        "name": "chat", "id": "c48311a0-9cf4-501c-b0af-ca267da9bdfa", "owner": "nlp", "labels": {"team": "nlp"},
    },
    "spec": {
        "route": "/llm/chat",
        "model": {
            "name": "llama-8b", "version": "1.0", "type": "base", "family": "llama", "status": "approved",
            "storageUri": "s3://models/llama-8b/1.0",
            "metadata": {"max_position_embeddings": 8192, "job_type": "SFT", "note": "free"},
        },
        "framework": "deployment",
        "deployment": {
            "model_ref": "llama-8b:1.0", "model_family": "llama", "job_type": "SFT", "serve_target": "GENERATION",
            "resources": {"gpus": 1, "gpu_memory_gb": 20},
            "runtime": {"max_concurrent_requests": 64, "max_input_tokens": 4096, "max_output_tokens": 1024},
            "rollout": {"strategy": "canary", "traffic_split": {"old": 90, "new": 10}},
            "use_gpu": True,
        },
        "replicas": {"min": 1, "max": 3},
        "autoscaling": {"cpuUtilization": 70, "free": "form"},
        "image": "reg.local/vllm:1",
        "server": "vllm",
        "args": ["--seed=1"],
        "cpu": {"request": "4", "limit": "8"},
        "memory": {"request": "24Gi", "limit": "32Gi"},
        "gpuPool": "l4",
        "routing": {
            "type": "gateway", "host": "llm.example.com", "requestTimeoutSeconds": 60,
            "gateway": {"name": "llm", "namespace": "gw", "sectionName": "http"},
            "ingress": {"className": "nginx", "annotations": {"example.com/x": "note"}, "tlsSecret": "tls"},
        },
        "pod": {
            "serviceAccountName": "chat", "imagePullSecrets": ["reg"], "nodeSelector": {"zone": "a"},
            "tolerations": [
                {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}
            ],
            "priorityClassName": "high", "runtimeClassName": "nvidia",
            "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containerSecurityContext": {"capabilities": {"drop": ["ALL"]}},
            "env": [{"name": "A", "value": "b"}, {"name": "B", "secret": {"name": "s", "key": "k"}}],
            "labels": {"tier": "x"}, "annotations": {"example.com/y": "note"}, "shmSize": "1Gi",
        },
        "budgets": {
            "capacitySeconds": 60, "downloadSeconds": 60, "loadSeconds": 60, "preStopSeconds": 5, "drainSeconds": 30,
            "progressDeadlineSeconds": 600,
        },
        "storage": {
            "initializerImage": "kserve/storage-initializer:v0.16.0",
            "credentials": [{"scheme": "s3", "secret": "minio", "keys": {"AWS_ACCESS_KEY_ID": "USER"}, "env": {"C": "d"}}],
        },
        "kserve": {
            "version": "0.16", "mode": "Standard", "predictor": "container", "modelFormat": "huggingface", "runtime": "rt",
        },
        "promptPolicyId": "p-1",
        "rollbackPlan": "call us",
    },
}  # fmt: skip
"""An endpoint file with every field that there is."""

ENVIRONMENT: dict[str, Any] = {
    "apiVersion": "revstamp.io/v1",
    "kind": "Environment",
    "metadata": {"name": "dev"},
    "spec": {
        "namespace": "llm-dev", "cluster": "dev", "kubernetesVersion": "1.36", "framework": "deployment",
        **{name: ENDPOINT["spec"][name] for name in ("kserve", "routing", "pod", "budgets", "storage")},
        "images": {
            "GENERATION": {
                "gpu": {"image": "reg.local/vllm:1", "server": "vllm", "port": 8000, "healthPath": "/health", "args": ["--a"]}
            },
            "RAG": {"cpu": {"image": "reg.local/rag:1"}},
            "servers": {"tgi": {"gpu": {"image": "reg.local/tgi:3"}}},
        },
        "gpuPools": [
            {
                "name": "l4", "gpuMemoryMib": 23028, "gpus": 16, "gpusPerNode": 8, "spareGpus": 2,
                "nodeSelector": {"card": "l4"}, "tolerations": [{"key": "gpu", "operator": "Exists"}],
            }
        ],
        "resources": {
            "gpus": 1, "gpu": {"cpu": {"request": "4", "limit": "8"}, "memory": {"request": "24Gi", "limit": "32Gi"}},
        },
        "autoscaling": {
            "cpuUtilization": 80, "metrics": {"queue": {"type": "Pods", "metric": "q", "selector": {"a": "b"}, "divisor": 1}},
        },
        "limits": {
            "maxReplicas": 10, "maxGpusPerEndpoint": 16, "modelFamilies": ["llama"],
            "imageRegistries": ["reg.local", "kserve"], "mutableTags": True,
        },
        "policies": {
            "pullRequestRequired": False, "strategies": ["in-place", "canary"], "maxGpus": 64, "maxConcurrentRollouts": 3,
            "drift": "report", "automaticRollback": {"enabled": False, "bakeSeconds": 60},
        },
    },
}  # fmt: skip
"""An environment file with every field that there is."""

REQUEST: dict[str, Any] = {
    "useGpu": True,
    "servingRuntimeImage": "reg.local/vllm:2",
    "cpuRequest": "2",
    "cpuLimit": "16",
    "memoryRequest": "16Gi",
    "memoryLimit": "64Gi",
    "autoscalePolicy": {"cpuUtilization": 65, "free": "form"},
    "servingFramework": "kserve",
    "deploymentSpec": {**ENDPOINT["spec"]["deployment"], "model_ref": "llama-8b-1.0"},
}
"""A request with every field that there is."""

ROWS: dict[str, Any] = {
    "models": [
        {
            "id": "11111111-0000-4000-8000-000000000000", "name": "m", "version": "1", "type": "base", "status": "approved",
            "owner_team": "nlp", "model_family": "llama", "storage_uri": "s3://a/b", "metadata": {"job_type": "SFT"},
        }
    ],
    "endpoints": [
        {
            "id": "aaaaaaaa-0000-4000-8000-000000000000", "model_entry_id": "11111111-0000-4000-8000-000000000000",
            "environment": "dev", "route": "/a", "status": "healthy", "min_replicas": 1, "max_replicas": 2,
            "autoscale_policy": {"cpuUtilization": 70}, "prompt_policy_id": "p", "use_gpu": True, "runtime_image": "a/b:1",
            "cpu_request": "4", "cpu_limit": "8", "memory_request": "24Gi", "memory_limit": "32Gi", "rollback_plan": "x",
            "deployment_spec": {"model_ref": "m:1", "job_type": "SFT"},
        }
    ],
    "deployments": [
        {"serving_endpoint_id": "aaaaaaaa-0000-4000-8000-000000000000", "serving_framework": "kserve"},
    ],
}  # fmt: skip
"""Rows of the platform's three tables."""


class HostileCase(NamedTuple):
    """`content` is an endpoint file's bytes, or the data of a request or of rows; `value` is what stands at `path`."""

    label: str
    content: Any
    path: tuple[str | int, ...]
    value: Any


def hostile_files(count: int = 600, seed: int = 7) -> Iterator[HostileCase]:
    """Endpoint files with one hostile text, quoted as JSON or bare as a careless person would write it."""
    chooser = random.Random(seed)
    places = [(path, value) for path, value in leaves(ENDPOINT) if isinstance(value, str)]
    pairs = [(path, text) for path, _ in places for text in CORPUS]
    for path, text in chooser.sample(pairs, count):
        data = with_value(ENDPOINT, path, text)
        yield HostileCase(f"file {_name(path)} <- {text[:40]!r}", file_bytes(data), path, text)
    for path, text in chooser.sample(pairs, count // 4):
        mark = "hostile-text-goes-here"
        content = file_bytes(with_value(ENDPOINT, path, mark)).decode().replace(f'"{mark}"', text)
        yield HostileCase(f"bare {_name(path)} <- {text[:40]!r}", content.encode(), path, text)


def hostile_keys(count: int = 100, seed: int = 7) -> Iterator[HostileCase]:
    """Endpoint files with a hostile key in one of the mappings, free-form or not."""
    chooser = random.Random(seed)
    mappings = [path for path, value in _nodes(ENDPOINT) if isinstance(value, dict)]
    for path, text in chooser.sample([(path, text) for path in mappings for text in CORPUS], count):
        data = with_value(ENDPOINT, (*path, text), "value")
        yield HostileCase(f"key {_name(path)} <- {text[:40]!r}", file_bytes(data), (*path, text), "value")


def hostile_values(count: int = 200, seed: int = 7) -> Iterator[HostileCase]:
    """Endpoint files with a value of another type, or beyond all bounds, anywhere."""
    chooser = random.Random(seed)
    pairs = [(path, value) for path, _ in _nodes(ENDPOINT) if path for value in NUMBERS]
    for path, value in chooser.sample(pairs, count):
        content = file_bytes(with_value(ENDPOINT, path, value))
        yield HostileCase(f"value {_name(path)} <- {repr(value)[:40]}", content, path, value)


def hostile_environments(count: int = 400, seed: int = 7) -> Iterator[HostileCase]:
    """Environment files with one hostile text or a value of another type."""
    for label, data, path, value in _data_cases("environment", ENVIRONMENT, count, seed):
        yield HostileCase(label, file_bytes(data), path, value)


def hostile_requests(count: int = 300, seed: int = 7) -> Iterator[HostileCase]:
    """Requests with one hostile text or a value of another type."""
    yield from _data_cases("request", REQUEST, count, seed)


def hostile_rows(count: int = 300, seed: int = 7) -> Iterator[HostileCase]:
    """Rows of the platform with one hostile text or a value of another type."""
    yield from _data_cases("rows", ROWS, count, seed)


def _data_cases(kind: str, data: Any, count: int, seed: int) -> Iterator[HostileCase]:
    chooser = random.Random(seed)
    pairs = [(path, value) for path, _ in _nodes(data) if path for value in (*CORPUS, *NUMBERS)]
    for path, value in chooser.sample(pairs, count):
        yield HostileCase(f"{kind} {_name(path)} <- {repr(value)[:40]}", with_value(data, path, value), path, value)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every scalar inside data, with its path."""
    for below, inner in _nodes(value, path):
        if not isinstance(inner, dict | list):
            yield below, inner


def _nodes(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _nodes(item, (*path, key))


def with_value(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of data with another value at a path."""
    changed = copy.deepcopy(data)
    target = changed
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return changed


def file_bytes(data: Any) -> bytes:
    """JSON is YAML, one key a line."""
    return json.dumps(data, indent=1, ensure_ascii=False).replace("\x7f", "\\u007f").encode()


def _name(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path)
