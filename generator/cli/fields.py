"""The endpoint fields that have a flag of their own, and `--set` and `--clear` for all others.

Owns: which flag is which field. Refuses: judging values; the file's own validation does that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from generator.errors import InvalidInput
from generator.spec.document import Path, load_document
from generator.spec.patch import Patch

F = TypeVar("F", bound=Callable[..., Any])

_SPEC = ("spec",)
_DEPLOYMENT = ("spec", "deployment")

TEXT_FLAGS: dict[str, tuple[Path, str]] = {
    "image": ((*_SPEC, "image"), "Image of the model server."),
    "server": ((*_SPEC, "server"), "Model server in the image: vllm, tgi, sglang, triton, plain."),
    "framework": ((*_SPEC, "framework"), "deployment or kserve."),
    "cpu-request": ((*_SPEC, "cpu", "request"), "CPU that one replica asks for, such as 4 or 500m."),
    "cpu-limit": ((*_SPEC, "cpu", "limit"), "CPU that one replica may use."),
    "memory-request": ((*_SPEC, "memory", "request"), "Memory that one replica asks for, such as 24Gi."),
    "memory-limit": ((*_SPEC, "memory", "limit"), "Memory that one replica may use."),
    "model-ref": ((*_DEPLOYMENT, "model_ref"), "Free label of the model."),
    "model-family": ((*_DEPLOYMENT, "model_family"), "Family of the model: llama, mistral, …"),
    "job-type": ((*_DEPLOYMENT, "job_type"), "SFT, RAG_TUNING, RLHF, PRETRAIN or EMBEDDING."),
    "serve-target": ((*_DEPLOYMENT, "serve_target"), "GENERATION or RAG."),
    "strategy": ((*_DEPLOYMENT, "rollout", "strategy"), "blue-green or canary."),
    "route": ((*_SPEC, "route"), "Path that requests come in on, such as /llm/chat."),
    "gpu-pool": ((*_SPEC, "gpuPool"), "GPU pool of the environment."),
    "model-version": ((*_SPEC, "model", "version"), "Version of the model."),
    "storage-uri": ((*_SPEC, "model", "storageUri"), "Where the model's files are."),
    "shm-size": ((*_SPEC, "pod", "shmSize"), "Size of /dev/shm."),
}
NUMBER_FLAGS: dict[str, tuple[Path, str]] = {
    "gpus": ((*_DEPLOYMENT, "resources", "gpus"), "GPUs of one replica."),
    "gpu-memory-gb": ((*_DEPLOYMENT, "resources", "gpu_memory_gb"), "Least memory of one GPU, in GB."),
    "max-concurrent-requests": ((*_DEPLOYMENT, "runtime", "max_concurrent_requests"), "Requests at a time."),
    "max-input-tokens": ((*_DEPLOYMENT, "runtime", "max_input_tokens"), "Longest input, in tokens."),
    "max-output-tokens": ((*_DEPLOYMENT, "runtime", "max_output_tokens"), "Longest output, in tokens."),
    "traffic-new": ((*_DEPLOYMENT, "rollout", "traffic_split", "new"), "Percent of traffic to a canary."),
    "cpu-utilization": ((*_SPEC, "autoscaling", "cpuUtilization"), "Percent of the CPU request to scale at."),
    "gpu-utilization": ((*_SPEC, "autoscaling", "gpuUtilization"), "Percent of GPU use to scale at."),
    "target-latency-ms": ((*_SPEC, "autoscaling", "targetLatencyMs"), "Latency to scale at, in milliseconds."),
    "load-seconds": ((*_SPEC, "budgets", "loadSeconds"), "How long loading the model may take."),
}


def field_options(function: F) -> F:
    """Adds a flag per field, `--use-gpu/--no-use-gpu`, `--set FIELD=VALUE` and `--clear FIELD`."""
    for name, (_, text) in reversed(NUMBER_FLAGS.items()):
        function = click.option(f"--{name}", type=int, help=text)(function)
    function = click.option("--use-gpu/--no-use-gpu", default=None, help="Serve on GPUs, or on CPUs.")(function)
    for name, (_, text) in reversed(TEXT_FLAGS.items()):
        function = click.option(f"--{name}", metavar="VALUE", help=text)(function)
    function = click.option(
        "--clear", "clears", multiple=True, metavar="FIELD", help="Take a field out: a flag's name or a dotted path."
    )(function)
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Set any field by its dotted path, such as pod.priorityClassName=high; the value is read as YAML.",
    )(function)


def read_fields(values: dict[str, Any]) -> Patch:
    """Takes the field flags out of a command's parameters, and makes the patch that they mean."""
    sets: dict[Path, Any] = {}
    labels: dict[Path, str] = {}
    for flags in (TEXT_FLAGS, NUMBER_FLAGS):
        for name, (path, _) in flags.items():
            value = values.pop(name.replace("-", "_"))
            if value is not None:
                sets[path], labels[path] = value, f"--{name}"
    use_gpu = values.pop("use_gpu")
    if use_gpu is not None:
        path = (*_DEPLOYMENT, "use_gpu")
        sets[path], labels[path] = use_gpu, "--use-gpu" if use_gpu else "--no-use-gpu"
    new = sets.get((*_DEPLOYMENT, "rollout", "traffic_split", "new"))
    if new is not None:
        path = (*_DEPLOYMENT, "rollout", "traffic_split", "old")
        sets[path], labels[path] = 100 - new, "--traffic-new"
    patch = Patch(sets, frozenset(), labels)
    for text in values.pop("sets"):
        patch = patch.merged(_read_set(text))
    clears = frozenset(field_path(name) for name in values.pop("clears"))
    patch = patch.merged(Patch(clears=clears))
    if patch.clears:
        from generator.spec.endpoint import Endpoint
        from generator.spec.validate import check_field

        for path in sorted(patch.clears):
            check_field(Endpoint, path)
    return patch


def field_path(name: str) -> Path:
    """The path in the endpoint's file that a flag's name or a dotted path means."""
    known = {**TEXT_FLAGS, **NUMBER_FLAGS}.get(name.removeprefix("--"))
    if known is not None:
        return known[0]
    if name in ("use-gpu", "use_gpu"):
        return (*_DEPLOYMENT, "use_gpu")
    parts = tuple(name.split("."))
    if not all(parts) or any(not part.isprintable() for part in parts):
        raise InvalidInput(f"{name!r} is not a field", hint="write a dotted path such as pod.priorityClassName")
    if parts[0] in ("metadata", "spec"):
        if len(parts) == 1:
            raise InvalidInput(f"{name} cannot be changed as a whole", hint="name a field in it")
        return parts
    return (*_SPEC, *parts)


def _read_set(text: str) -> Patch:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"--set {text!r} has no value", hint="write --set FIELD=VALUE")
    path = field_path(name)
    document = load_document(value or '""', "--set")
    if document.violations:
        raise InvalidInput(f"--set {name} cannot be read", violations=document.violations)
    if document.data is None:
        return Patch(clears=frozenset((path,)))
    return Patch({path: document.data}, labels={path: f"--set {name}"})
