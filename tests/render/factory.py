"""Resolved endpoints for tests, made directly so that rendering is tested without resolution.

Owns: `make_endpoint` and the complete default it starts from. Refuses: files, environments and rules.
"""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from functools import cache
from typing import Any

from pydantic import BaseModel

from generator.spec.model import CatalogModel, DeploymentSpec, Resources, Runtime
from generator.spec.resolved import (
    ResolvedBudgets,
    ResolvedEndpoint,
    ResolvedKServe,
    ResolvedPod,
    ResolvedRouting,
    RolloutPlan,
)
from generator.spec.sections import StorageCredentials

IMAGE = "registry.local/vllm-openai:v0.11.0"
CPU_IMAGE = "registry.local/vllm-cpu:v0.11.0"


def make_endpoint(**overrides: Any) -> ResolvedEndpoint:
    """A vLLM endpoint on one GPU, framework `deployment`, behind a Gateway, scaled by CPU between 1 and 3.

    Overrides are fields of ResolvedEndpoint; a part of a nested value is named with double underscores:
    `make_endpoint(framework="kserve", kserve__mode="Knative", deployment__resources__gpus=2, routing__host=None)`.
    Values are not validated, so that hostile ones can be tried.
    """
    endpoint: Any = _default()
    for path, value in overrides.items():
        endpoint = _replace_at(endpoint, path.split("__"), value)
    assert isinstance(endpoint, ResolvedEndpoint)
    return endpoint


def _replace_at(holder: Any, path: list[str], value: Any) -> Any:
    """The same frozen value with one place inside it replaced."""
    name, *rest = path
    if not hasattr(holder, name) or (is_dataclass(holder) and name not in holder.__dataclass_fields__):
        raise TypeError(f"{type(holder).__name__} has no field {name!r}")
    inner = _replace_at(getattr(holder, name), rest, value) if rest else value
    if isinstance(holder, BaseModel):
        return holder.model_copy(update={name: inner})
    return replace(holder, **{name: inner})


def make_external_endpoint() -> ResolvedEndpoint:
    """An endpoint whose model is served elsewhere."""
    return make_endpoint(model__type="external", model__storage_uri=None)


def make_cpu_endpoint(**overrides: Any) -> ResolvedEndpoint:
    """The same endpoint on CPUs only."""
    return make_endpoint(
        **{
            "device": "cpu",
            "image": CPU_IMAGE,
            "deployment__use_gpu": False,
            "deployment__resources__gpus": 0,
            "deployment__resources__gpu_memory_gb": None,
            "pod__shm_size": None,
            **overrides,
        }
    )


@cache
def _default() -> ResolvedEndpoint:
    return ResolvedEndpoint(
        name="svc-0123456789ab",
        id="01234567-89ab-4cde-8f01-23456789abcd",
        environment="dev",
        namespace="llm-ops-dev",
        owner="search-team",
        labels={"team": "search"},
        route="/llm/chat",
        framework="deployment",
        kubernetes_version="1.36",
        kserve=ResolvedKServe(
            version="0.16.0", mode="Standard", predictor="container", model_format="huggingface", runtime=None
        ),
        model=CatalogModel(
            name="llama-chat",
            version="1.2.0",
            family="llama",
            storage_uri="s3://models/llama-chat/1.2.0",
            metadata={"max_position_embeddings": 8192},
        ),
        deployment=DeploymentSpec(
            model_ref="llama-chat-1.2.0",
            model_family="llama",
            job_type="SFT",
            serve_target="GENERATION",
            resources=Resources(gpus=1, gpu_memory_gb=80),
            runtime=Runtime(max_concurrent_requests=256, max_input_tokens=4096, max_output_tokens=1024),
        ),
        device="gpu",
        image=IMAGE,
        server="vllm",
        port=None,
        health_path=None,
        image_args=(),
        args=(),
        min_replicas=1,
        max_replicas=3,
        autoscaling={"cpuUtilization": 70},
        metrics={},
        cpu_request="4",
        cpu_limit="8",
        memory_request="32Gi",
        memory_limit="48Gi",
        gpu_pool=None,
        routing=_routing(),
        pod=_pod(),
        budgets=ResolvedBudgets(
            capacity_seconds=600,
            download_seconds=900,
            load_seconds=600,
            pre_stop_seconds=10,
            drain_seconds=60,
            progress_deadline_seconds=2400,
        ),
        storage_initializer_image="kserve/storage-initializer:v0.16.0",
        storage_credentials=(
            StorageCredentials(
                scheme="s3",
                secret="minio-secret",
                keys={
                    "AWS_ACCESS_KEY_ID": "MINIO_ROOT_USER",
                    "AWS_SECRET_ACCESS_KEY": "MINIO_ROOT_PASSWORD",
                    "AWS_ENDPOINT_URL": "ENDPOINT_URL",
                },
                env={"AWS_DEFAULT_REGION": "us-east-1"},
            ),
        ),
        rollout=RolloutPlan(max_surge=1, max_unavailable=0, gpus_needed=1, downtime="none"),
    )


def _routing() -> ResolvedRouting:
    return ResolvedRouting(
        type="gateway",
        host="llm-ops.local",
        gateway_name="llm-gateway",
        gateway_namespace="gateways",
        gateway_section=None,
        ingress_class="nginx",
        ingress_annotations={},
        ingress_tls_secret=None,
        request_timeout_seconds=300,
    )


def _pod() -> ResolvedPod:
    return ResolvedPod(
        service_account_name=None,
        image_pull_secrets=(),
        tolerations=(),
        node_selector={},
        priority_class_name=None,
        runtime_class_name=None,
        security_context={},
        container_security_context={},
        env=(),
        labels={},
        annotations={},
        shm_size="8Gi",
    )
