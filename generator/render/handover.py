"""What the way from the committed objects to new ones needs beyond applying them.

Owns: the warnings about fields that change hands between revstamp, an autoscaler and KServe. Refuses: what a change
does to pods (`impact`) and whether objects can be changed in place (`diff_effect`).
Sources: server-side apply takes a field out that its only owner no longer gives, and a Deployment without replicas
gets 1; KServe's webhook compares the mode with the one in the status: letter by letter up to 0.17, by meaning from
0.19 on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.render.pods import KNATIVE_MODES, MODE, STANDARD_MODES, identity, kind_of, value_at

_BY_MEANING = (0, 19)
"""From this KServe on, the old spelling in a status and the new one in the annotation are the same mode."""


def warn_about_handover(
    before: Mapping[str, Any], after: Mapping[str, Any], kserve: tuple[int, int]
) -> tuple[str, ...]:
    """What somebody has to do by hand, or should know. Objects by file name; `kserve` is the cluster's version."""
    old, new = _by_kind(before), _by_kind(after)
    return (*_warn_about_replicas(old, new), *_warn_about_mode(old, new, kserve))


def _by_kind(bodies: Mapping[str, Any]) -> dict[str, Any]:
    return {kind_of(body): body for body in bodies.values()}


def _warn_about_replicas(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Both ways between a fixed number of replicas and an autoscaler's."""
    deployment = new.get("Deployment")
    if deployment is None or identity(deployment) != identity(old.get("Deployment")):
        return
    _, namespace, name = identity(deployment)
    was, will = (_count(value_at(body, "spec", "replicas")) for body in (old["Deployment"], deployment))
    had, has = ("HorizontalPodAutoscaler" in bodies for bodies in (old, new))
    if was is not None and was > 1 and will is None and has:
        yield (
            f"an autoscaler takes over from {was} fixed replicas. revstamp's apply and reconciler hand it over. "
            "With another engine, `kubectl apply --server-side` too, an apply alone sets them to 1 until the "
            "autoscaler's next pass, and the others' pods go: hand the number over first, by applying a Deployment "
            f"{name} in {namespace} that has nothing but `replicas: {was}` with --field-manager=handover (see "
            "docs/kubernetes-rules.md, Replicas that change hands)"
        )
    if had and not has and will is not None:
        _, _, autoscaler = identity(old["HorizontalPodAutoscaler"])
        yield (
            f"{will} fixed replicas take over from an autoscaler. revstamp's apply and reconciler see to it. With "
            f"`kubectl apply`, which leaves it there, delete HorizontalPodAutoscaler {autoscaler} in {namespace} "
            "first; where it has set another number, the apply reports a conflict over spec.replicas: repeat it with "
            "--force-conflicts"
        )


def _count(value: Any) -> int | None:
    return value if type(value) is int else None


def _warn_about_mode(old: Mapping[str, Any], new: Mapping[str, Any], kserve: tuple[int, int]) -> Iterator[str]:
    """Another deployment mode, or the same one in another spelling."""
    service = new.get("InferenceService")
    if service is None or identity(service) != identity(old.get("InferenceService")):
        return
    _, namespace, name = identity(service)
    was, will = (value_at(body, "metadata", "annotations", MODE) for body in (old["InferenceService"], service))
    if was == will or not isinstance(was, str) or not isinstance(will, str):
        return
    same = {was, will} <= STANDARD_MODES or {was, will} <= KNATIVE_MODES
    if not same:
        yield (
            f"the deployment mode changes from {was} to {will}, which KServe refuses for an InferenceService that "
            f"exists: delete InferenceService {name} in {namespace}, then apply the new one; the endpoint is away "
            "until its pods are ready"
        )
    elif kserve >= _BY_MEANING:
        yield f"the deployment mode is only spelt anew, {will} for {was}: KServe takes that, no object is replaced"
    else:
        patch = f'{{"status":{{"deploymentMode":"{will}"}}}}'
        yield (
            f"the deployment mode is only spelt anew, {will} for {was}, but up to 0.17 KServe refuses that where the "
            f"status has the old spelling. Once the new KServe runs: kubectl patch inferenceservice {name} -n "
            f"{namespace} --subresource=status --type=merge -p '{patch}'"
        )
