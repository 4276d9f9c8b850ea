"""What a simulated API server refuses.

Owns: the rules that revstamp's objects can meet: names, selectors, immutable fields, KServe's webhook. Refuses: whole
schemas; the render checks those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.cluster.kinds import ObjectRef
from generator.cluster.port import Body
from generator.cluster.simulated.bodies import address_of, annotations_of, labels_of
from generator.cluster.simulated.refusals import say_immutable, say_invalid, say_refused
from generator.cluster.simulated.selectors import matches

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_WEBHOOK = "inferenceservice.kserve-webhook-server.validator"
_MODE = "serving.kserve.io/deploymentMode"
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")

Problem = tuple[str, str]


def check_object(cluster: str, ref: ObjectRef, body: Body, old: Body | None) -> None:
    """Raises ObjectInvalid, ImmutableField or AdmissionRefused."""
    problems = list(_check_metadata(body))
    kind = address_of(body)[0]
    if kind == ("apps", "Deployment"):
        problems.extend(_check_deployment(body))
    elif kind == ("", "Service"):
        problems.extend(_check_service(body))
    elif kind == ("autoscaling", "HorizontalPodAutoscaler"):
        problems.extend(_check_autoscaler(body))
    elif kind == ("serving.kserve.io", "InferenceService"):
        _check_inference_service(cluster, ref, body, old)
    if problems:
        raise say_invalid(cluster, ref, problems)
    if old is not None:
        for field in _find_immutable(kind, old, body):
            raise say_immutable(cluster, ref, field)


def _check_metadata(body: Body) -> Iterator[Problem]:
    name = str(body["metadata"]["name"])
    valid = _LABEL if body["kind"] == "Service" else _SUBDOMAIN
    if not valid.match(name) or len(name) > (63 if body["kind"] == "Service" else 253):
        yield "metadata.name", f'Invalid value: "{name}": must be lower case letters, digits and "-"'
    for key, value in labels_of(body).items():
        if not isinstance(value, str) or not _LABEL_VALUE.match(value) or len(value) > 63:
            yield "metadata.labels", f'Invalid value: "{value}": of the label {key}'
    for key, value in annotations_of(body).items():
        if not isinstance(value, str):
            yield f"metadata.annotations.{key}", f"expected string, got {value!r}"


def _check_deployment(body: Body) -> Iterator[Problem]:
    spec = body["spec"]
    replicas = spec.get("replicas", 1)
    if type(replicas) is not int:
        yield "spec.replicas", f"expected numeric (int or float), got {type(replicas).__name__}"
    elif replicas < 0:
        yield "spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0"
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not spec.get("selector"):
        yield "spec.selector", "Required value"
    elif not matches(spec["selector"], labels):
        yield "spec.template.metadata.labels", f"Invalid value: {labels}: `selector` does not match template `labels`"
    yield from _check_strategy(spec.get("strategy") or {})
    yield from _check_pod(template.get("spec") or {}, "spec.template.spec")


def _check_strategy(strategy: Mapping[str, Any]) -> Iterator[Problem]:
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        yield (
            "spec.strategy.rollingUpdate",
            "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        )
    elif rolling and rolling.get("maxSurge") in (0, "0%") and rolling.get("maxUnavailable") in (0, "0%"):
        yield (
            "spec.strategy.rollingUpdate.maxUnavailable",
            "Invalid value: 0: may not be 0 when `maxSurge` is 0",
        )


def _check_pod(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if spec.get("restartPolicy", "Always") != "Always":
        yield f"{path}.restartPolicy", f'Unsupported value: "{spec["restartPolicy"]}": supported values: "Always"'
    if not spec.get("containers"):
        yield f"{path}.containers", "Required value"
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    seen: set[str] = set()
    for place in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(place) or ()):
            where = f"{path}.{place}[{index}]"
            name = str(container.get("name") or "")
            if not name:
                yield f"{where}.name", "Required value"
            elif name in seen:
                yield f"{where}.name", f'Duplicate value: "{name}"'
            seen.add(name)
            if not container.get("image"):
                yield f"{where}.image", "Required value"
            for number, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") not in volumes:
                    yield f"{where}.volumeMounts[{number}].name", f'Not found: "{mount.get("name")}"'


def _check_service(body: Body) -> Iterator[Problem]:
    spec = body["spec"]
    if not spec.get("ports") and spec.get("clusterIP") != "None":
        yield "spec.ports", "Required value"


def _check_autoscaler(body: Body) -> Iterator[Problem]:
    spec = body["spec"]
    most = spec.get("maxReplicas")
    if type(most) is not int or most < 1:
        yield "spec.maxReplicas", f"Invalid value: {most}: must be greater than 0"
    elif spec["minReplicas"] > most:
        yield "spec.maxReplicas", f"Invalid value: {most}: must be greater than or equal to `minReplicas`"


def _check_inference_service(cluster: str, ref: ObjectRef, body: Body, old: Body | None) -> None:
    predictor = (body.get("spec") or {}).get("predictor")
    if not isinstance(predictor, Mapping):
        raise say_invalid(cluster, ref, [("spec.predictor", "Required value")])
    least, most = predictor.get("minReplicas"), predictor.get("maxReplicas")
    if isinstance(least, int) and isinstance(most, int) and most and least > most:
        raise say_refused(cluster, ref, _WEBHOOK, "'MinReplicas' cannot be greater than MaxReplicas")
    if not predictor.get("containers") and not predictor.get("model"):
        raise say_refused(cluster, ref, _WEBHOOK, "Exactly one of [Custom, Model] must be specified in PredictorSpec")
    recorded = ((old or {}).get("status") or {}).get("deploymentMode")
    mode = annotations_of(body).get(_MODE)
    if recorded and mode and mode != recorded and old is not None and mode != annotations_of(old).get(_MODE):
        raise say_refused(
            cluster, ref, _WEBHOOK, f"update rejected: deploymentMode cannot be changed from '{recorded}' to '{mode}'"
        )


def _find_immutable(kind: tuple[str, str], old: Body, new: Body) -> Iterator[str]:
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if kind in (("apps", "Deployment"), ("apps", "ReplicaSet")) and before.get("selector") != after.get("selector"):
        yield "spec.selector"
    if kind == ("", "Service") and before.get("clusterIP") != after.get("clusterIP"):
        yield "spec.clusterIP"
    if kind == ("", "ConfigMap") and old.get("immutable") and old.get("data") != new.get("data"):
        yield "data"
