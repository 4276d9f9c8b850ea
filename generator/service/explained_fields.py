"""The fields of a resolved endpoint that people ask about: their names, where their values are, and what they do.

Owns: the list, and which field a person means. Refuses: following a value into the manifests (`trace`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from generator.errors import NotFound
from generator.spec.request import FIELDS as REQUEST_FIELDS
from generator.spec.resolved import ResolvedEndpoint

_RULES = "kept in the file; the rules decide by it whether the endpoint may be deployed"
_ROLLOUT = "how long this phase may take; part of progressDeadlineSeconds where that is not set"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name in files, the attributes that lead to it, values to try instead, and what it is for.

    `effect` is said where a change of it reaches no manifest.
    """

    name: str
    path: tuple[str, ...]
    examples: tuple[Any, ...] = ()
    effect: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    """Fields with one prefix in files and one in a resolved endpoint."""

    names: str
    path: tuple[str, ...]
    fields: tuple[tuple[str, str, tuple[Any, ...], str], ...]

    def expand(self) -> Iterable[Field]:
        for name, attribute, examples, effect in self.fields:
            yield Field(f"{self.names}{name}", (*self.path, attribute), examples, effect)


_GROUPS = (
    _Group(
        "",
        (),
        (
            ("name", "name", ("another",), ""),
            ("id", "id", (), "kept in the file; the platform knows the endpoint by it"),
            ("owner", "owner", ("somebody",), ""),
            ("labels", "labels", (), ""),
            ("namespace", "namespace", ("another",), ""),
            (
                "kubernetesVersion",
                "kubernetes_version",
                ("1.28", "1.36"),
                "decides which schemas the manifests are checked against",
            ),
            ("framework", "framework", ("deployment", "kserve"), ""),
            ("route", "route", ("/another",), ""),
        ),
    ),
    _Group(
        "model.",
        ("model",),
        (
            (
                "name",
                "name",
                ("another",),
                "kept in the file; people and the platform's catalogue know the model by it",
            ),
            ("version", "version", ("0",), "kept in the file; the model's files are found by storageUri"),
            ("type", "type", (), _RULES),
            ("family", "family", ("another",), _RULES),
            ("status", "status", (), _RULES),
            ("storageUri", "storage_uri", ("s3://another/model", "s3://third/model"), ""),
            ("metadata", "metadata", (), "kept in the file; missing fields of the deployment are rebuilt from it"),
        ),
    ),
    _Group(
        "deployment.",
        ("deployment",),
        (
            ("model_ref", "model_ref", ("another",), "a free label of the platform, kept in the file"),
            ("model_family", "model_family", ("another",), _RULES),
            ("job_type", "job_type", ("SFT", "EMBEDDING"), "kept in the file; serve_target must go with it"),
            ("serve_target", "serve_target", ("RAG", "GENERATION"), "decides which image of the environment is taken"),
            ("use_gpu", "use_gpu", (), "decides which image of the environment is taken"),
            ("rollout", "rollout", (), "kept in the file; where the framework cannot do it, the rollout is in place"),
        ),
    ),
    _Group(
        "deployment.resources.",
        ("deployment", "resources"),
        (("gpus", "gpus", (), ""), ("gpu_memory_gb", "gpu_memory_gb", (24,), "decides which GPU pools will do")),
    ),
    _Group(
        "deployment.runtime.",
        ("deployment", "runtime"),
        tuple(
            (name, name, (), "this model server has no option for it")
            for name in ("max_concurrent_requests", "max_input_tokens", "max_output_tokens")
        ),
    ),
    _Group(
        "",
        (),
        (
            ("server", "server", ("vllm", "tgi", "plain"), ""),
            ("image", "image", ("registry.example/another:1",), ""),
            ("images.port", "port", (9999,), ""),
            ("images.healthPath", "health_path", ("/another",), ""),
            ("images.args", "image_args", (("--traced",),), ""),
            ("args", "args", (("--traced",),), ""),
            ("replicas.min", "min_replicas", (), ""),
            ("replicas.max", "max_replicas", (), "without a metric to scale at, min is the number of replicas"),
            ("autoscaling", "autoscaling", ({"cpuUtilization": 50},), ""),
            ("autoscaling.metrics", "metrics", (), "maps metrics; this endpoint scales at none of them"),
            ("cpu.request", "cpu_request", ("3", "5"), ""),
            ("cpu.limit", "cpu_limit", ("13", "17"), ""),
            ("memory.request", "memory_request", ("3Gi", "5Gi"), ""),
            ("memory.limit", "memory_limit", ("130Gi", "170Gi"), ""),
            ("gpuPool", "gpu_pool", (), ""),
            ("storage.initializerImage", "storage_initializer_image", ("registry.example/another:1",), ""),
            ("storage.credentials", "storage_credentials", (), "no credentials are needed for this storage URI"),
        ),
    ),
    _Group(
        "rollout.",
        ("rollout",),
        (
            ("maxSurge", "max_surge", (), ""),
            ("maxUnavailable", "max_unavailable", (), ""),
            ("gpusNeeded", "gpus_needed", (), "told by a plan, beside the GPUs that are held"),
            ("downtime", "downtime", (), "told by a plan"),
        ),
    ),
    _Group(
        "routing.",
        ("routing",),
        (
            ("type", "type", ("gateway", "ingress"), ""),
            ("host", "host", ("another.example",), ""),
            ("gateway.name", "gateway_name", ("another",), "only an HTTPRoute has it"),
            ("gateway.namespace", "gateway_namespace", ("another",), "only an HTTPRoute has it"),
            ("gateway.sectionName", "gateway_section", ("another",), "only an HTTPRoute has it"),
            ("ingress.className", "ingress_class", ("another",), "only an Ingress has it"),
            ("ingress.annotations", "ingress_annotations", (), "only an Ingress has them"),
            ("ingress.tlsSecret", "ingress_tls_secret", ("another",), "only an Ingress has it"),
            ("requestTimeoutSeconds", "request_timeout_seconds", (), "only a route object has it"),
        ),
    ),
    _Group(
        "pod.",
        ("pod",),
        (
            ("serviceAccountName", "service_account_name", ("another",), ""),
            ("imagePullSecrets", "image_pull_secrets", (("another",),), ""),
            ("tolerations", "tolerations", (), ""),
            ("nodeSelector", "node_selector", (), ""),
            ("priorityClassName", "priority_class_name", ("another",), ""),
            ("runtimeClassName", "runtime_class_name", ("another",), ""),
            ("securityContext", "security_context", ({"runAsUser": 65534},), ""),
            ("containerSecurityContext", "container_security_context", ({"runAsUser": 65534},), ""),
            ("env", "env", (), ""),
            ("labels", "labels", (), ""),
            ("annotations", "annotations", (), ""),
            ("shmSize", "shm_size", ("3Gi", "5Gi"), ""),
        ),
    ),
    _Group(
        "budgets.",
        ("budgets",),
        (
            ("capacitySeconds", "capacity_seconds", (), _ROLLOUT),
            ("downloadSeconds", "download_seconds", (), _ROLLOUT),
            ("loadSeconds", "load_seconds", (), _ROLLOUT),
            ("preStopSeconds", "pre_stop_seconds", (), ""),
            ("drainSeconds", "drain_seconds", (), ""),
            ("progressDeadlineSeconds", "progress_deadline_seconds", (), "a rollout that takes longer has failed"),
        ),
    ),
    _Group(
        "kserve.",
        ("kserve",),
        tuple(
            (name, attribute, examples, "only an InferenceService is made by it")
            for name, attribute, examples in (
                (
                    "version",
                    "version",
                    ("0.15", "0.17"),
                ),
                ("mode", "mode", ("Standard", "Knative")),
                ("predictor", "predictor", ("container", "model")),
                ("modelFormat", "model_format", ("another",)),
                ("runtime", "runtime", ("another",)),
            )
        ),
    ),
)

FIELDS: tuple[Field, ...] = tuple(field for group in _GROUPS for field in group.expand())
FILE_ONLY: Mapping[str, str] = {
    "promptPolicyId": "kept in the file for the platform",
    "rollbackPlan": "kept in the file for people",
}
"""Fields of an endpoint's file that nothing is resolved from."""

_PLATFORM_NAMES: Mapping[str, str] = {
    **{name: ".".join(str(part) for part in path[1:]) for name, path in REQUEST_FIELDS.items()},
    "minReplicas": "replicas.min",
    "maxReplicas": "replicas.max",
    "modelId": "model",
    "version": "model.version",
}


def find_fields(text: str, resolved: ResolvedEndpoint | None, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the fields that a person means: a file's path, a platform's field, or one of the aliases (flags).

    A name such as `memory` means all below it. NotFound names the nearest.
    """
    wanted = aliases.get(text.removeprefix("--"), text)
    wanted = wanted.removeprefix("spec.").removeprefix("metadata.") or text
    head, _, rest = wanted.partition(".")
    if head in _PLATFORM_NAMES and wanted not in _names(resolved):
        wanted = ".".join(part for part in (_PLATFORM_NAMES[head], rest) if part)
    names = _names(resolved)
    found = tuple(name for name in names if name == wanted or name.startswith(f"{wanted}."))
    if found:
        return found
    parent = next((name for name in names if wanted.startswith(f"{name}.")), None)
    if parent is not None:
        return (parent,)
    near = difflib.get_close_matches(wanted, (*names, *_PLATFORM_NAMES, *aliases), 3, 0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "`revstamp explain ENDPOINT` lists all fields"
    raise NotFound(f"no such field: {text!r}", hint=hint)


def _names(resolved: ResolvedEndpoint | None) -> tuple[str, ...]:
    return (*(field.name for field in list_fields(resolved)), *FILE_ONLY)


def list_fields(resolved: ResolvedEndpoint | None) -> tuple[Field, ...]:
    """All fields; of the autoscaling policy, which is free, one a key."""
    keys = tuple(resolved.autoscaling) if resolved else ()
    if not keys:
        return FIELDS
    unused = "kept in the file; nothing scales at it here"
    policy = tuple(Field(f"autoscaling.{key}", ("autoscaling", key), (), unused) for key in keys)
    return tuple(one for field in FIELDS for one in (policy if field.name == "autoscaling" else (field,)))
