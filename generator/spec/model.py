"""The model that an endpoint serves and the DeploymentSpec that says how: shapes of the platform's contract.

Owns: DeploymentSpec with its defaults and the checks inside one spec; the model's catalogue entry. Refuses: checks
that need the environment, and filling in what is missing (that is `resolve`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from generator.spec.base import FreeForm, Line, Model, in_schema_as, wrong
from generator.spec.names import MAX_STORAGE_URI, STORAGE, is_storage_uri
from generator.spec.text import shown

JobType = Literal["SFT", "RAG_TUNING", "RLHF", "PRETRAIN", "EMBEDDING"]
ServeTarget = Literal["GENERATION", "RAG"]
RolloutStrategy = Literal["blue-green", "canary"]
ModelStatus = Literal["draft", "under_review", "approved", "deprecated", "pending_review", "rejected"]
ModelType = Literal["base", "fine-tuned", "external"]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Percent = Annotated[int, Field(ge=0, le=100)]


def _check_storage_uri(value: str) -> str:
    if not is_storage_uri(value):
        raise wrong(
            f"{shown(value)} is not a storage URI",
            "write s3://, gs://, hf://, hdfs://, webhdfs://, modelscope://, http(s)://, pvc://claim/path or oci://",
        )
    return value


StorageUri = Annotated[str, AfterValidator(_check_storage_uri), in_schema_as(STORAGE, MAX_STORAGE_URI)]


class SpecModel(Model):
    """Base of the platform's snake_case shapes."""

    model_config = ConfigDict(alias_generator=None)


class Resources(SpecModel):
    """GPUs of one replica; `gpu_memory_gb` is the least memory of one card, in GB as on its label."""

    gpus: Annotated[int, Field(ge=0, le=1024)] = 0
    """GPUs of one replica."""
    gpu_memory_gb: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Least memory of one card in GB, as on its label; becomes a node affinity."""


class Runtime(SpecModel):
    """Limits of the model server, in requests and tokens."""

    max_concurrent_requests: Positive = 256
    """Requests that the server works on at a time."""
    max_input_tokens: Positive = 4096
    """Longest input, in tokens."""
    max_output_tokens: Positive = 1024
    """Longest output, in tokens."""


class TrafficSplit(SpecModel):
    """Percent of the traffic to the old and to the new revision."""

    old: Percent
    """Percent to the old revision."""
    new: Percent
    """Percent to the new revision; both together are 100."""


class Rollout(SpecModel):
    """How a new revision takes over."""

    strategy: RolloutStrategy
    """Checked and kept; where the framework cannot do it, the rollout is in place and the plan says so."""
    traffic_split: TrafficSplit | None = None
    """How traffic is shared; canary needs it."""


class DeploymentSpec(SpecModel):
    """The platform's DeploymentSpec, complete (platform-contract: training-serving spec)."""

    model_ref: Line
    model_family: Line
    job_type: JobType
    serve_target: ServeTarget
    resources: Resources = Resources()
    runtime: Runtime = Runtime()
    rollout: Rollout | None = None
    use_gpu: bool = True


class ResourcesPatch(SpecModel):
    """Resources of which some may be missing."""

    gpus: Annotated[int, Field(ge=0, le=1024)] | None = None
    """GPUs of one replica; 0 serves on CPUs."""
    gpu_memory_gb: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Least memory of one card in GB, as on its label; becomes a node affinity."""


class RuntimePatch(SpecModel):
    """Runtime limits of which some may be missing."""

    max_concurrent_requests: Positive | None = None
    """Requests that the server works on at a time."""
    max_input_tokens: Positive | None = None
    """Longest input, in tokens; at most the model's max_position_embeddings."""
    max_output_tokens: Positive | None = None
    """Longest output, in tokens."""


class DeploymentSpecPatch(SpecModel):
    """A DeploymentSpec of which any part may be missing: what a file or a request gives."""

    model_ref: Line | None = None
    """Free label of the model; never compared."""
    model_family: Line | None = None
    """Family of the model; must be the model's own."""
    job_type: JobType | None = None
    """How the model was made; RAG_TUNING serves RAG, every other one GENERATION."""
    serve_target: ServeTarget | None = None
    """What the endpoint serves; chooses the image."""
    resources: ResourcesPatch | None = None
    """GPUs of one replica."""
    runtime: RuntimePatch | None = None
    """Limits of the model server."""
    rollout: Rollout | None = None
    """How a new revision takes over."""
    use_gpu: bool | None = None
    """Whether to serve on GPUs; false takes the CPU image."""


class CatalogModel(Model):
    """The model's entry in the platform's catalogue, as far as the rules need it."""

    name: Line
    """The model's name in the catalogue."""
    version: Line
    """The model's version; quote it when it looks like a number."""
    type: ModelType = "fine-tuned"
    """external models are served elsewhere: nothing is deployed."""
    family: Line
    """Family of the model: llama, mistral, gemma, …"""
    status: ModelStatus = "approved"
    """Only approved models are deployed."""
    storage_uri: StorageUri | None = None
    """Where the files are: s3://, gs://, hf://, hdfs://, webhdfs://, modelscope://, http(s)://, pvc://claim/path, oci://."""
    metadata: FreeForm = Field(default_factory=dict)
    """Free facts; max_position_embeddings, job_type and num_attention_heads are used."""

    @property
    def max_position_embeddings(self) -> int | None:
        """The model's context window in tokens, where its metadata says a positive whole number."""
        value = self.metadata.get("max_position_embeddings")
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
