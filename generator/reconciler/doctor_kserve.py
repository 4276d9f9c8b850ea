"""Which KServe a cluster runs, against what the environment says.

Owns: the two signs of it: the image of its controller, the fields of the InferenceService that the API serves.
Refuses: guessing: where neither tells, that is said.
Source: KServe's manifests and chart name the Deployment `kserve-controller-manager`, in the namespace `kserve`, and tag
its images with the release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from generator.cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, ObjectRef
from generator.cluster.port import Cluster, SchemaSource
from generator.errors import ClusterForbidden
from generator.render.schema_version import match_kserve_versions
from generator.service.finding import Finding
from generator.spec.defaults import DEFAULTS
from generator.spec.environment import EnvironmentSpec

CONTROLLER = ObjectRef(DEPLOYMENT, "kserve", "kserve-controller-manager")
_TAG = re.compile(r":v?(\d+\.\d+)(?:\.\d+)?(?:[-+.][\w.+-]*)?(?:@|$)")


def check_kserve(check: str, cluster: Cluster, spec: EnvironmentSpec) -> Iterator[Finding]:
    """Nothing where it is the version that the environment names."""
    wanted = _minor((spec.kserve.version if spec.kserve else None) or DEFAULTS["kserve.version"])
    found = find_versions(cluster)
    if wanted in found:
        return
    if not found:
        message = f"it cannot be told whether the cluster's KServe is {wanted}"
        fix = "look at the image of KServe's controller, and set spec.kserve.version"
        yield Finding(check, "warning", message, fix)
        return
    message = f"the cluster runs KServe {' or '.join(found)}, the environment's file says {wanted}"
    fix = f'set spec.kserve.version to "{found[0]}", look at `revstamp diff --all`, and commit'
    yield Finding(check, "failure", message, fix)


def find_versions(cluster: Cluster) -> tuple[str, ...]:
    """The minor versions that it may be: one by its controller's image, else by the fields; empty: unknown."""
    try:
        tagged = read_tag(cluster.read(CONTROLLER) or {})
    except ClusterForbidden:
        tagged = ""
    if tagged:
        return (tagged,)
    if not isinstance(cluster, SchemaSource):
        return ()
    kind = INFERENCE_SERVICE
    return match_kserve_versions(kind.api_version, kind.name, cluster.read_schemas(kind.api_version))


def read_tag(deployment: Any) -> str:
    """The minor version that the tag of the controller's image names, or empty."""
    spec = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in spec.get("containers") or ():
        image = str(container.get("image") or "")
        if "kserve" in image and (match := _TAG.search(image)):
            return match[1]
    return ""


def _minor(version: Any) -> str:
    return ".".join(str(version).removeprefix("v").split(".")[:2])
