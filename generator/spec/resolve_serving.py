"""What stands around the replicas: their number, autoscaling, the route, KServe, the model's download.

Owns: these sections of the resolved endpoint. Refuses: the replica itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from generator.spec.resolved import ResolvedKServe, ResolvedRouting
from generator.spec.sources import Sources, get_field


def resolve_replicas(sources: Sources, bound: str) -> int:
    """One bound of the number of replicas: `min` or `max`."""
    return int(sources.pick(f"replicas.{bound}"))


def resolve_autoscaling(sources: Sources, cpu_request: str | None) -> dict[str, Any]:
    """The endpoint's policy without what is empty in it, else CPU where there is a CPU request."""
    given = sources.spec.autoscaling or {}
    policy = {key: _whole(value) for key, value in given.items() if value is not None and value != ""}
    if policy:
        sources.origins["autoscaling"] = sources.from_file(("spec", "autoscaling"))
        return policy
    if cpu_request is None and sources.pick("framework") == "deployment":
        return {}
    value = sources.pick("autoscaling.cpuUtilization")
    sources.origins["autoscaling"] = sources.origins["autoscaling.cpuUtilization"]
    return {"cpuUtilization": value}


def _whole(value: Any) -> Any:
    """70.0 as 70: an autoscaler's percentages are whole numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def resolve_routing(sources: Sources) -> ResolvedRouting:
    """The route object; annotations of both files merge by key."""
    ingress = {**(get_field(sources.env, ("routing", "ingress", "annotations")) or {})}
    ingress.update(get_field(sources.spec, ("routing", "ingress", "annotations")) or {})
    return ResolvedRouting(
        type=sources.pick("routing.type"),
        host=sources.pick("routing.host"),
        gateway_name=sources.pick("routing.gateway.name", default=""),
        gateway_namespace=sources.pick("routing.gateway.namespace"),
        gateway_section=sources.pick("routing.gateway.sectionName"),
        ingress_class=sources.pick("routing.ingress.className"),
        ingress_annotations=ingress,
        ingress_tls_secret=sources.pick("routing.ingress.tlsSecret"),
        request_timeout_seconds=sources.pick("routing.requestTimeoutSeconds"),
    )


def resolve_kserve(sources: Sources) -> ResolvedKServe:
    """The cluster's KServe, and how its InferenceServices are made."""
    version = str(sources.pick("kserve.version")).removeprefix("v")
    return ResolvedKServe(
        version=version,
        mode=sources.pick("kserve.mode"),
        predictor=sources.pick("kserve.predictor"),
        model_format=sources.pick("kserve.modelFormat"),
        runtime=sources.pick("kserve.runtime"),
    )


def resolve_initializer_image(sources: Sources) -> str:
    """The image that downloads the model: given, else KServe's own of the environment's version."""
    version = sources.origins["kserve.version"]
    image = sources.pick("storage.initializerImage")
    if image is not None:
        return str(image)
    numbers = [*str(sources.pick("kserve.version")).removeprefix("v").split("."), "0"][:3]
    sources.origins["storage.initializerImage"] = replace(version, note="KServe's own, of the environment's version")
    return f"kserve/storage-initializer:v{'.'.join(numbers)}"
