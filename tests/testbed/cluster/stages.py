"""What the fake kubelet is configured with: our stages of pods and routes, and its own of nodes and jobs.

Owns: the file of stages. Refuses: what a stage does; see `pod_stages` and `route_stages`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Stage = dict[str, Any]

_BROUGHT_ALONG = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-complete.yaml",
)


def make_stage(
    group: str,
    kind: str,
    name: str,
    selector: list[dict[str, Any]],
    then: dict[str, Any],
    delay: dict[str, Any] | None = None,
) -> Stage:
    """`group` is an apiVersion, `selector` expressions that must all hold, `then` what is done to the object."""
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": group, "kind": kind},
        "selector": {"matchExpressions": selector},
        "next": then,
    }
    if delay:
        spec["delay"] = delay
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def write_stages(path: Path, brought_along: Path, stages: list[Stage]) -> None:
    """Writes all into one file; `brought_along` is the folder of the fake kubelet's own stages."""
    texts = [(brought_along / name).read_text(encoding="utf-8") for name in _BROUGHT_ALONG]
    texts += [yaml.safe_dump(stage, sort_keys=False) for stage in stages]
    path.write_text("\n---\n".join(texts), encoding="utf-8")
