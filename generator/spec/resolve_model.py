"""How the model is served: the DeploymentSpec, rebuilt from the model's entry where it is not stored.

Owns: job type, GPUs, token limits and their defaults. Refuses: everything outside the DeploymentSpec.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from generator.spec.defaults import DEFAULTS
from generator.spec.document import Path
from generator.spec.model import DeploymentSpec, JobType, Resources, Runtime
from generator.spec.resolved import Origin
from generator.spec.sources import Sources


def resolve_deployment(sources: Sources) -> DeploymentSpec | None:
    model, given = sources.spec.model, sources.spec.deployment
    external = model.type == "external"
    job_type = _spec_value(sources, "job_type", ("metadata", "job_type"), model.metadata.get("job_type"))
    if job_type is None and not external:
        _miss_job_type(sources)
        return None
    derived = Origin("rule", "derived from job_type")
    target = given.serve_target if given else None
    if target is not None:
        sources.origins["deployment.serve_target"] = sources.from_file(("spec", "deployment", "serve_target"))
    else:
        target = "RAG" if job_type == "RAG_TUNING" else "GENERATION"
        sources.origins["deployment.serve_target"] = derived
    use_gpu, gpus = _gpus(sources, external=external)
    memory = given.resources.gpu_memory_gb if given and given.resources else None
    if memory is not None:
        sources.origins["deployment.resources.gpu_memory_gb"] = sources.from_file(
            ("spec", "deployment", "resources", "gpu_memory_gb")
        )
    if memory and not use_gpu:
        sources.notices.append(f"gpu_memory_gb {memory} is ignored: the endpoint uses no GPU")
        memory = None
    try:
        return DeploymentSpec(
            model_ref=_spec_value(sources, "model_ref", (), f"{model.name}-{model.version}"),
            model_family=_spec_value(sources, "model_family", ("family",), model.family),
            job_type=job_type or "SFT",
            serve_target=target,
            resources=Resources(gpus=gpus, gpu_memory_gb=memory),
            runtime=_runtime(sources),
            rollout=given.rollout if given else None,
            use_gpu=use_gpu,
        )
    except ValueError:
        path = ("spec", "model", "metadata", "job_type")
        message = f"the model's job_type {job_type!r} is none of {', '.join(get_args(JobType))}"
        sources.violations.append(sources.document.violation(path, message, "set deployment.job_type", "job-type"))
        return None


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
