"""`revstamp diff --live`: a commit against the cluster.

Owns: which endpoints, and how it looks. Refuses: the comparison (`cluster.live_diff`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from generator.cli.output import print_json, say, warn

if TYPE_CHECKING:
    from generator.cluster.live_diff import ObjectDiff
    from generator.reconciler.live_endpoint import EndpointDiff

_LONGEST = 100


def print_live_diff(folder: str, rev: str, endpoints: tuple[str, ...], values: Mapping[str, Any], output: str) -> bool:
    """Print what an apply would change; whether the cluster differs from the commit.

    An endpoint that cannot be read ends nothing but itself; its error is raised once all others are printed.
    """
    from generator.cli.target import find_target
    from generator.reconciler.apply_once import prepare
    from generator.reconciler.environment_sync import EnvironmentSync
    from generator.reconciler.live_endpoint import diff_endpoint

    target = find_target(folder, rev, endpoints, values["environment"])
    desired = target.desired
    with target.open_cluster(values) as cluster:
        sync = EnvironmentSync(cluster, desired)
        found = [diff_endpoint(sync, name) for name in prepare(sync, target.names)]
    if output == "json":
        bodies = [item.to_dict() for item in found]
        print_json({"environment": desired.name, "commit": desired.commit, "endpoints": bodies})
    else:
        for endpoint in found:
            for item in endpoint.objects:
                _print(item)
    differs = any(item.differs for item in found)
    _raise_first([item for item in found if item.error is not None])
    if not differs and output != "json":
        say(f"{desired.name}: the cluster is what {desired.commit[:10]} says")
    return differs


def _raise_first(unread: list[EndpointDiff]) -> None:
    """All but the first of several errors are told here, for one can be raised."""
    for item in unread[1:]:
        warn(f"{item.name} could not be compared: {item.error}")
    for item in unread[:1]:
        if item.error is not None:
            raise item.error


def _print(item: ObjectDiff) -> None:
    if item.change == "same" and not item.drift:
        return
    why = item.error.message if item.error else "" if item.drift else item.reason
    say(f"{item.ref}: {item.change}" + (f": {why}" if why else ""))
    for field in item.fields:
        say(f"    {field.path}: {_shown(field.live)} → {_shown(field.wanted)}")
    for drift in item.drift:
        say(f"    {drift}")


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
