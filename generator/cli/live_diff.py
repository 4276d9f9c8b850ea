"""`revstamp diff --live`: a commit against the cluster.

Owns: which endpoints, and how it looks. Refuses: the comparison (`cluster.live_diff`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from generator.cli.output import print_json, say

if TYPE_CHECKING:
    from generator.cluster.live_diff import ObjectDiff
    from generator.reconciler.environment_sync import EnvironmentSync

_LONGEST = 100


def print_live_diff(folder: str, rev: str, endpoints: tuple[str, ...], values: Mapping[str, Any], output: str) -> bool:
    """Print what an apply would change; whether it would change anything."""
    from generator.cli.apply_command import choose_targets
    from generator.cli.cluster_options import desired_at, open_named_cluster
    from generator.reconciler.apply_once import prepare
    from generator.reconciler.environment_sync import EnvironmentSync
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    environment, names = choose_targets(workspace, rev, endpoints, values["environment"])
    desired = desired_at(workspace, rev, environment)
    cluster = open_named_cluster(desired.environment.spec.cluster, settings, values)
    sync = EnvironmentSync(cluster, desired)
    try:
        chosen = prepare(sync, names)
        found = {name: list(_diff_endpoint(sync, name)) for name in chosen}
    finally:
        cluster.close()
    differs = any(item.change != "same" for items in found.values() for item in items)
    if output == "json":
        bodies = [{"endpoint": name, "objects": [item.to_dict() for item in items]} for name, items in found.items()]
        print_json({"environment": environment, "commit": desired.commit, "endpoints": bodies})
        return differs
    for items in found.values():
        for item in items:
            _print(item)
    if not differs:
        say(f"{environment}: the cluster is what {desired.commit[:10]} says")
    return differs


def _diff_endpoint(sync: EnvironmentSync, name: str) -> Iterator[ObjectDiff]:
    from generator.cluster.apply_objects import order_manifests
    from generator.cluster.live_diff import ObjectDiff, diff_live

    desired = sync.read(name)
    for manifest in order_manifests(desired.bodies):
        yield diff_live(sync.cluster, manifest)
    for ref in sync.doomed_refs(name, desired):
        yield ObjectDiff(ref, "pruned")


def _print(item: ObjectDiff) -> None:
    if item.change == "same" and not item.drift:
        return
    say(f"{item.ref}: {item.change}" + (f": {item.error.message}" if item.error else ""))
    for field in item.fields:
        say(f"    {field.path}: {_shown(field.live)} → {_shown(field.wanted)}")
    for drift in item.drift:
        say(f"    {drift}")


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
