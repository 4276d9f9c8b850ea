"""A redeploy request of the platform's shape, turned into a patch.

Owns: the request's fields, what the platform's page sends without anybody having chosen it, and which file field each
one becomes (platform-contract: "What the platform's page really sends"). Refuses: rules about the values themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from generator.errors import InvalidInput, Violation
from generator.spec.base import Image, Model, Quantity
from generator.spec.document import Document, Path
from generator.spec.model import DeploymentSpec, DeploymentSpecPatch
from generator.spec.patch import Patch
from generator.spec.quantity import canonical_quantity
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import Framework
from generator.spec.validate import violations_of

PLACEHOLDER_GPU_MEMORY_GB = 80
PLACEHOLDER_MAX_OUTPUT_TOKENS = 1024
MAX_REQUEST_BYTES = 1024 * 1024

FIELDS: Mapping[str, Path] = {
    "useGpu": ("spec", "deployment", "use_gpu"),
    "servingRuntimeImage": ("spec", "image"),
    "cpuRequest": ("spec", "cpu", "request"),
    "cpuLimit": ("spec", "cpu", "limit"),
    "memoryRequest": ("spec", "memory", "request"),
    "memoryLimit": ("spec", "memory", "limit"),
    "servingFramework": ("spec", "framework"),
    "autoscalePolicy": ("spec", "autoscaling"),
    "deploymentSpec": ("spec", "deployment"),
}


class RedeployRequest(Model):
    """The body of the platform's redeploy route. A field that is not given stays as it is; null clears an override."""

    use_gpu: bool | None = None
    serving_runtime_image: Image | None = None
    cpu_request: Quantity | None = None
    cpu_limit: Quantity | None = None
    memory_request: Quantity | None = None
    memory_limit: Quantity | None = None
    autoscale_policy: dict[str, Any] | None = None
    serving_framework: Framework | None = None
    deployment_spec: DeploymentSpecPatch | None = None


def load_request(content: bytes | str) -> dict[str, Any]:
    """The JSON object of a request. InvalidInput where it is none, too large, or names a field twice."""
    if len(content) > MAX_REQUEST_BYTES:
        raise InvalidInput("the request is larger than 1 MiB", hint="send only the fields that change")
    try:
        data = json.loads(content, object_pairs_hook=_unique_fields, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidInput("the request is nested too deeply") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the request is not JSON: {error}", hint='send an object such as {"cpuLimit": "8"}'
        ) from None
    if not isinstance(data, dict):
        raise InvalidInput("the request is not a JSON object", hint='send an object such as {"cpuLimit": "8"}')
    return data


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"the field {key!r} is given twice")
        data[key] = value
    return data


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number that JSON knows")


def request_patch(data: Mapping[str, Any], document: Document, current: ResolvedEndpoint | None) -> Patch:
    """The patch that a request means for an endpoint.

    `document` is the endpoint's file; `current` what it resolves to today (None where it cannot be resolved yet).
    An empty string is a field not given. InvalidInput names every wrong field.
    """
    cleaned = _without_blanks(data)
    _validate(cleaned)
    patch = Patch()
    for name, value in cleaned.items():
        if name == "deploymentSpec" and value is not None:
            part = _spec_patch(value, cleaned, document, current)
        elif name == "autoscalePolicy" and value is not None:
            part = _policy_patch(value)
        elif name == "useGpu" and "use_gpu" in (cleaned.get("deploymentSpec") or {}):
            part = _check_use_gpu(value, cleaned["deploymentSpec"])
        else:
            part = _field_patch(name, value, document, current)
        patch = patch.merged(part)
    return patch


def _without_blanks(data: Mapping[str, Any]) -> dict[str, Any]:
    """The request without cleared inputs (empty strings) and without `rollout: null`, which the page sends for none."""
    cleaned: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            cleaned[name] = _without_blanks(value)
            if name == "deploymentSpec" and cleaned[name].get("rollout", "") is None:
                del cleaned[name]["rollout"]
        elif value != "":
            cleaned[name] = value
    return cleaned


def _validate(data: Mapping[str, Any]) -> None:
    document = Document("request", data)
    try:
        RedeployRequest.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        found = violations_of(error, RedeployRequest, document)
        raise InvalidInput(
            "the request cannot be accepted: " + "; ".join(f"{v.path}: {v.message}" for v in found),
            hint="; ".join(v.fix for v in found if v.fix),
            violations=[Violation(v.message, v.fix, v.path, "request", code=v.code) for v in found],
        ) from None


def _check_use_gpu(value: Any, spec: Mapping[str, Any]) -> Patch:
    if value is not None and spec["use_gpu"] is not None and value != spec["use_gpu"]:
        message = f"useGpu is {value}, deploymentSpec.use_gpu is {spec['use_gpu']}".lower()
        violation = Violation(message, "say the same in both, or leave useGpu out", "useGpu", "request")
        raise InvalidInput(f"the request contradicts itself: {message}", hint=violation.fix, violations=[violation])
    return Patch()


def _at(document: Document, path: Path) -> Any:
    value: Any = document.data
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _field_patch(name: str, value: Any, document: Document, current: ResolvedEndpoint | None) -> Patch:
    path = FIELDS[name]
    if value is None:
        return Patch(clears=frozenset((path,))) if _at(document, path) is not None else Patch()
    if name in ("cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit"):
        value = str(value)
        now = _at(document, path)
        if now is not None and canonical_quantity(str(now)) == canonical_quantity(value):
            return Patch()
    if value == _at(document, path) or (name == "servingFramework" and current and value == current.framework):
        return Patch()
    if name == "useGpu" and current and value == current.deployment.use_gpu:
        return Patch()
    return Patch({path: value}, labels={path: name})


def _policy_patch(policy: Mapping[str, Any]) -> Patch:
    sets: dict[Path, Any] = {}
    clears: set[Path] = set()
    for key, value in policy.items():
        path = (*FIELDS["autoscalePolicy"], key)
        if value is None:
            clears.add(path)
        else:
            sets[path] = value
    return Patch(sets, frozenset(clears), {path: f"autoscalePolicy.{path[-1]}" for path in sets})


def _spec_patch(
    spec: Mapping[str, Any], request: Mapping[str, Any], document: Document, current: ResolvedEndpoint | None
) -> Patch:
    """A given spec as a patch: what says nothing new is left out; what the page made up is dropped with a notice."""
    wanted = dict(_leaves(spec, ()))
    notices = tuple(_drop_placeholders(wanted, request, document))
    effective = dict(_leaves(_spec_data(current.deployment), ())) if current else {}
    if current is not None and all(effective.get(path) == value for path, value in wanted.items()):
        return Patch(notices=notices)
    root = FIELDS["deploymentSpec"]
    stored = dict(_leaves(_at(document, root) or {}, ()))
    if ("rollout", "strategy") in wanted and ("rollout", "traffic_split", "new") not in wanted:
        cleared = frozenset((*root, *path) for path in stored if path[:2] == ("rollout", "traffic_split"))
    else:
        cleared = frozenset()
    clears = cleared | {(*root, *path) for path, value in wanted.items() if value is None and path in stored}
    sets = {(*root, *path): value for path, value in wanted.items() if value is not None and stored.get(path) != value}
    labels = {path: "deploymentSpec." + ".".join(str(part) for part in path[len(root) :]) for path in sets}
    return Patch(sets, frozenset(clears), labels, notices)


def _leaves(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key), item


def _spec_data(spec: DeploymentSpec) -> dict[str, Any]:
    return spec.model_dump()


def _drop_placeholders(wanted: dict[Path, Any], request: Mapping[str, Any], document: Document) -> Iterator[str]:
    memory, gpus = ("resources", "gpu_memory_gb"), ("resources", "gpus")
    stored = _at(document, FIELDS["deploymentSpec"]) or {}
    if wanted.get(memory) is not None:
        on_cpu = wanted.get(gpus) == 0 or wanted.get(("use_gpu",), request.get("useGpu")) is False
        if on_cpu:
            yield f"gpu_memory_gb {wanted.pop(memory)} is ignored: no GPUs are asked for"
        elif (
            wanted[memory] == PLACEHOLDER_GPU_MEMORY_GB and (stored.get("resources") or {}).get("gpu_memory_gb") is None
        ):
            del wanted[memory]
            yield (
                "gpu_memory_gb 80 is dropped: the platform's page sends it when nobody chose a value; "
                "write it into the endpoint's file, or use --gpu-memory-gb 80, to ask for 80 GB cards"
            )
    tokens, output = ("runtime", "max_input_tokens"), ("runtime", "max_output_tokens")
    window = _at(document, ("spec", "model", "metadata", "max_position_embeddings"))
    if (
        window is not None
        and not stored.get("runtime")
        and not stored.get("job_type")
        and wanted.get(tokens) == window
        and wanted.get(output) == PLACEHOLDER_MAX_OUTPUT_TOKENS
    ):
        del wanted[tokens], wanted[output]
        yield (
            f"max_input_tokens {window} and max_output_tokens 1024 are dropped: the platform's page sends them when "
            "no spec is stored; use --max-input-tokens to choose the whole window"
        )
