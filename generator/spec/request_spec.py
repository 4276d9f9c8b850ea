"""A request's deploymentSpec as a patch on the stored one.

Owns: what in it is new, and what the platform's page sends without anybody having chosen it (platform-contract: "What
the platform's page really sends"). Refuses: the request's other fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.spec.document import Document, Path
from generator.spec.patch import Patch
from generator.spec.resolved import ResolvedEndpoint

PLACEHOLDER_GPU_MEMORY_GB = 80
PLACEHOLDER_MAX_OUTPUT_TOKENS = 1024

SPEC: Path = ("spec", "deployment")
_MEMORY, _GPUS = ("resources", "gpu_memory_gb"), ("resources", "gpus")
_INPUT, _OUTPUT = ("runtime", "max_input_tokens"), ("runtime", "max_output_tokens")
_SPLIT = ("rollout", "traffic_split")


def spec_patch(
    spec: Mapping[str, Any], request: Mapping[str, Any], document: Document, current: ResolvedEndpoint | None
) -> Patch:
    """A given spec as a patch: what says nothing new is left out; what the page made up is dropped with a notice."""
    wanted = dict(_leaves(spec, ()))
    notices = (*_drop_gpu_memory(wanted, request, document), *_drop_tokens(wanted, document))
    stored = dict(_leaves(document.at(SPEC) or {}, ()))
    clears = {path for path, value in wanted.items() if value is None} | _stale_split(wanted)
    cleared = {path for path in stored for clear in clears if path[: len(clear)] == clear and wanted.get(path) is None}
    given = {path: value for path, value in wanted.items() if value is not None}
    if not cleared and current is not None and _says_nothing_new(given, current):
        given = {path: value for path, value in given.items() if path == ("model_ref",) and path in stored}
    sets = {(*SPEC, *path): value for path, value in given.items() if stored.get(path) != value}
    labels = {path: "deploymentSpec." + ".".join(str(part) for part in path[len(SPEC) :]) for path in sets}
    return Patch(sets, frozenset((*SPEC, *path) for path in cleared), labels, notices)


def _leaves(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key), item


def _says_nothing_new(given: Mapping[Path, Any], current: ResolvedEndpoint) -> bool:
    """Whether the endpoint is served so already; `model_ref` is a free label, the page makes one up."""
    effective = dict(_leaves(current.deployment.model_dump(), ()))
    return all(effective.get(path) == value for path, value in given.items() if path != ("model_ref",))


def _stale_split(wanted: Mapping[Path, Any]) -> set[Path]:
    """A stored traffic split goes with its strategy: a strategy given without one has none."""
    has_split = any(path[:2] == _SPLIT for path in wanted)
    return {_SPLIT} if ("rollout", "strategy") in wanted and not has_split else set()


def _drop_gpu_memory(wanted: dict[Path, Any], request: Mapping[str, Any], document: Document) -> Iterator[str]:
    memory = wanted.get(_MEMORY)
    if memory is None:
        return
    use_gpu = wanted.get(("use_gpu",), request.get("useGpu"))
    gpus = wanted.get(_GPUS)
    if use_gpu is None and gpus is None:
        use_gpu, gpus = document.at((*SPEC, "use_gpu")), document.at((*SPEC, *_GPUS))
    if gpus == 0 or use_gpu is False:
        del wanted[_MEMORY]
        yield f"gpu_memory_gb {memory} is ignored: no GPUs are asked for"
    elif memory == PLACEHOLDER_GPU_MEMORY_GB and document.at((*SPEC, *_MEMORY)) is None:
        del wanted[_MEMORY]
        yield (
            "gpu_memory_gb 80 is dropped: the platform's page sends it when nobody chose a value; "
            "write it into the endpoint's file, or use --gpu-memory-gb 80, to ask for 80 GB cards"
        )


def _drop_tokens(wanted: dict[Path, Any], document: Document) -> Iterator[str]:
    window = document.at(("spec", "model", "metadata", "max_position_embeddings"))
    chosen = any(document.at((*SPEC, *path)) is not None for path in (_INPUT, _OUTPUT))
    if window is None or chosen or wanted.get(_OUTPUT) != PLACEHOLDER_MAX_OUTPUT_TOKENS:
        return
    if wanted.get(_INPUT) == window:
        del wanted[_INPUT], wanted[_OUTPUT]
        yield (
            f"max_input_tokens {window} and max_output_tokens 1024 are dropped: the platform's page sends them when "
            "no spec is stored; use --max-input-tokens to choose the whole window"
        )
