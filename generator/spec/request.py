"""A redeploy request of the platform's shape, turned into a patch.

Owns: the request's fields, and which file field each one becomes. Refuses: its deploymentSpec (that is `request_spec`)
and rules about the values themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from generator.errors import InvalidInput, Violation
from generator.spec.base import FreeForm, Image, Model, Quantity
from generator.spec.document import Document, Path, dotted
from generator.spec.edit import is_same
from generator.spec.model import DeploymentSpecPatch
from generator.spec.patch import Patch
from generator.spec.plain_data import find_unplain
from generator.spec.quantity import canonical_quantity
from generator.spec.request_spec import SPEC, spec_patch
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import Framework
from generator.spec.text import shown
from generator.spec.validate import violations_of

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
    "deploymentSpec": SPEC,
}
QUANTITIES = frozenset(("cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit"))


class RedeployRequest(Model):
    """The body of the platform's redeploy route. A field that is not given stays as it is; null clears an override."""

    use_gpu: bool | None = None
    serving_runtime_image: Image | None = None
    cpu_request: Quantity | None = None
    cpu_limit: Quantity | None = None
    memory_request: Quantity | None = None
    memory_limit: Quantity | None = None
    autoscale_policy: FreeForm | None = None
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
    except ValueError as error:
        message = f"the request is not JSON: {shown(str(error))[1:-1]}"
        raise InvalidInput(message, hint='send an object such as {"cpuLimit": "8"}') from None
    if not isinstance(data, dict):
        raise InvalidInput("the request is not a JSON object", hint='send an object such as {"cpuLimit": "8"}')
    _check_plain(data)
    return data


def _check_plain(data: Mapping[str, Any]) -> None:
    found = find_unplain(dict(data))
    if found is not None:
        path, problem = found
        violation = Violation(problem, "correct it, or leave it out", dotted(path), "request", code="request")
        raise InvalidInput(f"the request cannot be accepted: {violation.path}: {problem}", violations=[violation])


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"the field {shown(key)} is given twice")
        data[key] = value
    return data


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number that JSON knows")


def request_patch(data: Mapping[str, Any], document: Document, current: ResolvedEndpoint | None) -> Patch:
    """The patch that a request means for an endpoint.

    `document` is the endpoint's file; `current` what it resolves to today (None where it cannot be resolved yet).
    An empty string is a field not given. InvalidInput names every wrong field.
    """
    _check_plain(data)
    request = _one_use_gpu(_without_blanks(data))
    _validate({**dict.fromkeys(data), **request})  # an unknown field is one also where it is blank
    _check_use_gpu(request)
    patch = Patch()
    for name, value in request.items():
        if name == "deploymentSpec" and value is not None:
            part = spec_patch(value, request, document, current)
        elif name == "autoscalePolicy" and value is not None:
            part = _policy_patch(value, document)
        else:
            part = _field_patch(name, value, document, current)
        patch = patch.merged(part)
    return patch


def _without_blanks(data: Mapping[str, Any]) -> dict[str, Any]:
    """The request without cleared inputs (empty strings), what they leave empty, and `rollout: null` for none."""
    cleaned: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            inner = _without_blanks(value)
            if name == "deploymentSpec" and inner.get("rollout", "") is None:
                del inner["rollout"]
            if inner or not value:
                cleaned[name] = inner
        elif value != "":
            cleaned[name] = value
    return cleaned


def _one_use_gpu(request: dict[str, Any]) -> dict[str, Any]:
    """`useGpu` and `deploymentSpec.use_gpu` are one field: null in one of them says nothing beside the other."""
    spec = request.get("deploymentSpec")
    if not isinstance(spec, dict) or "use_gpu" not in spec or "useGpu" not in request:
        return request
    if spec["use_gpu"] is None:
        return {**request, "deploymentSpec": {key: value for key, value in spec.items() if key != "use_gpu"}}
    if request["useGpu"] is None or is_same(request["useGpu"], spec["use_gpu"]):
        return {key: value for key, value in request.items() if key != "useGpu"}
    return request


def _check_use_gpu(request: Mapping[str, Any]) -> None:
    spec = request.get("deploymentSpec") or {}
    if "useGpu" in request and "use_gpu" in spec:
        message = f"useGpu is {request['useGpu']}, deploymentSpec.use_gpu is {spec['use_gpu']}".lower()
        fix = "say the same in both, or leave useGpu out"
        violation = Violation(message, fix, "useGpu", "request", code="request")
        raise InvalidInput(f"the request contradicts itself: {message}", hint=fix, violations=[violation])


def _validate(request: Mapping[str, Any]) -> None:
    try:
        RedeployRequest.model_validate(request, by_alias=True, by_name=False)
    except ValidationError as error:
        found = violations_of(error, RedeployRequest, Document("request", request))
        raise InvalidInput(
            "the request cannot be accepted: " + "; ".join(f"{v.path}: {v.message}" for v in found),
            hint="; ".join(dict.fromkeys(v.fix for v in found if v.fix)),
            violations=[Violation(v.message, v.fix, v.path, "request", code=v.code) for v in found],
        ) from None


def _field_patch(name: str, value: Any, document: Document, current: ResolvedEndpoint | None) -> Patch:
    path = FIELDS[name]
    now = document.at(path)
    if value is None:
        return Patch(clears=frozenset((path,))) if now is not None else Patch()
    if name in QUANTITIES:
        value = str(value)
        if now is not None and canonical_quantity(str(now)) == canonical_quantity(value):
            return Patch()
    if value == now or (name == "servingFramework" and current and value == current.framework):
        return Patch()
    if name == "useGpu" and current and value == current.deployment.use_gpu:
        return Patch()
    return Patch({path: value}, labels={path: name})


def _policy_patch(policy: Mapping[str, Any], document: Document) -> Patch:
    """Each key of the policy by itself: the page sends those that it knows, and others are to stay."""
    sets: dict[Path, Any] = {}
    clears: set[Path] = set()
    for key, value in policy.items():
        path = (*FIELDS["autoscalePolicy"], key)
        now = document.at(path)
        if value is None and now is not None:
            clears.add(path)
        elif value is not None and not is_same(now, value):
            sets[path] = value
    return Patch(sets, frozenset(clears), {path: f"autoscalePolicy.{path[-1]}" for path in sets})
