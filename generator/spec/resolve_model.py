"""How the model is served: the DeploymentSpec, rebuilt from the model's entry where it is not stored.

Owns: job type, GPUs, token limits and their defaults. Refuses: everything outside the DeploymentSpec.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast, get_args

from generator.spec.base import MAX_LINE
from generator.spec.defaults import DEFAULTS
from generator.spec.document import Path
from generator.spec.model import DeploymentSpec, JobType, Resources, Runtime, ServeTarget
from generator.spec.resolved import Origin
from generator.spec.sources import Sources
from generator.spec.text import shown


def resolve_deployment(sources: Sources) -> DeploymentSpec | None:
    """The whole DeploymentSpec; None, with a violation, where its job type is nowhere to be found."""
    model, given = sources.spec.model, sources.spec.deployment
    external = model.type == "external"
    job_type = _job_type(sources, external=external)
    if job_type is None:
        return None
    use_gpu, gpus = _gpus(sources, external=external)
    return DeploymentSpec(
        model_ref=_spec_value(sources, "model_ref", (), f"{model.name}-{model.version}"[:MAX_LINE]),
        model_family=_spec_value(sources, "model_family", ("family",), model.family),
        job_type=job_type,
        serve_target=_serve_target(sources, job_type),
        resources=Resources(gpus=gpus, gpu_memory_gb=_gpu_memory(sources, use_gpu=use_gpu)),
        runtime=_runtime(sources),
        rollout=given.rollout if given else None,
        use_gpu=use_gpu,
    )


def _job_type(sources: Sources, *, external: bool) -> JobType | None:
    """The stored one, else the model's; an external model needs none, so any will do."""
    rebuilt = sources.spec.model.metadata.get("job_type")
    job_type = _spec_value(sources, "job_type", ("metadata", "job_type"), rebuilt)
    if job_type in get_args(JobType):
        return cast(JobType, job_type)
    if external:
        return "SFT"
    if job_type is None:
        _miss_job_type(sources)
        return None
    path = ("spec", "model", "metadata", "job_type")
    message = f"the model's job_type {shown(job_type)} is none of {', '.join(get_args(JobType))}"
    fix = "correct it, or set spec.deployment.job_type"
    sources.violations.append(sources.document.violation(path, message, fix, "job-type"))
    return None


def _serve_target(sources: Sources, job_type: JobType) -> ServeTarget:
    given = sources.spec.deployment
    if given is not None and given.serve_target is not None:
        sources.origins["deployment.serve_target"] = sources.from_file(("spec", "deployment", "serve_target"))
        return given.serve_target
    sources.origins["deployment.serve_target"] = Origin("rule", "derived from job_type")
    return "RAG" if job_type == "RAG_TUNING" else "GENERATION"


def _gpu_memory(sources: Sources, *, use_gpu: bool) -> int | None:
    """The least memory of a card; without a GPU it means nothing, and a notice says so."""
    given = sources.spec.deployment
    memory = given.resources.gpu_memory_gb if given and given.resources else None
    if memory is None:
        return None
    path = ("spec", "deployment", "resources", "gpu_memory_gb")
    sources.note_given("deployment.resources.gpu_memory_gb", path, memory)
    if memory and not use_gpu:
        sources.notices.append(f"gpu_memory_gb {memory} is ignored: the endpoint uses no GPU")
        return None
    return memory


def _miss_job_type(sources: Sources) -> None:
    name = sources.endpoint.metadata.name
    sources.violations.append(
        sources.document.violation(
            ("spec", "deployment", "job_type"),
            "job_type is neither in the stored spec nor in the model's metadata",
            "give one of SFT, RAG_TUNING, RLHF, PRETRAIN, EMBEDDING: as deploymentSpec.job_type in the request, "
            f"`revstamp redeploy {name} --job-type SFT`, or as spec.deployment.job_type in the endpoint's file",
            "job-type",
        )
    )


def _spec_value(sources: Sources, field: str, model_path: Path, rebuilt: Any) -> Any:
    """A field of the stored spec, else rebuilt from the model's entry."""
    value = getattr(sources.spec.deployment, field) if sources.spec.deployment else None
    name = f"deployment.{field}"
    if value is not None:
        return sources.note(name, value, sources.from_file(("spec", "deployment", field)))
    if rebuilt is None:
        return None
    origin = sources.from_file(("spec", "model", *model_path))
    return sources.note(name, rebuilt, replace(origin, source="model", note="rebuilt from the model's entry"))


def _gpus(sources: Sources, *, external: bool) -> tuple[bool, int]:
    """Whether GPUs are used, and how many: what is given, else derived from the other one, else the default."""
    given = sources.spec.deployment
    use_gpu = given.use_gpu if given else None
    gpus = given.resources.gpus if given and given.resources else None
    where, count = "deployment.use_gpu", "deployment.resources.gpus"
    if use_gpu is not None:
        sources.origins[where] = sources.from_file(("spec", "deployment", "use_gpu"))
    else:
        use_gpu = gpus != 0 and not external
        sources.origins[where] = Origin("rule", "derived from gpus") if gpus is not None else Origin("default")
    if gpus is not None:
        sources.origins[count] = sources.from_file(("spec", "deployment", "resources", "gpus"))
        if gpus and not use_gpu:
            sources.notices.append(f"gpus {gpus} is ignored: use_gpu is false")
            sources.origins[count] = Origin("rule", "use_gpu is false")
            return use_gpu, 0
        return use_gpu, gpus
    if not use_gpu:
        sources.origins[count] = Origin("rule", "use_gpu is false")
        return use_gpu, 0
    default = sources.env.resources.gpus if sources.env.resources else None
    origin = sources.from_environment(("spec", "resources", "gpus")) if default else Origin("default")
    return use_gpu, sources.note(count, default or DEFAULTS["gpus"], origin)


def _runtime(sources: Sources) -> Runtime:
    given = sources.spec.deployment.runtime if sources.spec.deployment else None
    values: dict[str, int] = {}
    window = sources.spec.model.max_position_embeddings
    for field, info in Runtime.model_fields.items():
        name = f"deployment.runtime.{field}"
        value = getattr(given, field) if given else None
        if value is not None:
            values[field] = sources.note(name, value, sources.from_file(("spec", "deployment", "runtime", field)))
        elif field == "max_input_tokens" and window is not None and window < info.default:
            origin = Origin("model", f"{sources.document.file}", "the model's max_position_embeddings")
            values[field] = sources.note(name, window, origin)
        else:
            values[field] = sources.note(name, info.default, Origin("default", "DeploymentSpec's default"))
    return Runtime(**values)
