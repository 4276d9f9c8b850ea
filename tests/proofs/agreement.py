"""Whether a cluster has what git wants, no less and no more.

Owns: comparing every manifest of the tip with its live object, and looking for what git does not have. Refuses:
repairing anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from generator.cluster.drift import is_ours
from generator.cluster.kinds import RENDERED
from generator.cluster.ownership import is_applied
from generator.service.desired import DesiredEnvironment
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.cluster.gitops import GitOps
from tests.testbed.kube.api import Api, Object

Name = tuple[str, str]
"""Kind and name of an object."""


def read_tip(gitops: GitOps) -> DesiredEnvironment:
    """What the tip wants."""
    workspace = Workspace.open(gitops.root, Settings())
    return DesiredEnvironment(workspace.repository.snapshot(gitops.tip), gitops.environment)


def wanted_objects(gitops: GitOps) -> dict[Name, Object]:
    """Every manifest of the tip."""
    tip = read_tip(gitops)
    bodies = [dict(body) for name in tip.traces for body in tip.read(name).bodies]
    return {(str(body["kind"]), str(body["metadata"]["name"])): body for body in bodies}


def live_objects(api: Api, namespace: str) -> dict[Name, Object]:
    """All live objects of the kinds that are rendered."""
    found: dict[Name, Object] = {}
    for kind in RENDERED:
        root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
        for item in api.items(f"{root}/namespaces/{namespace}/{kind.plural}"):
            body = {**item, "apiVersion": kind.api_version, "kind": kind.name}
            found[kind.name, item["metadata"]["name"]] = body
    return found


def find_disagreements(gitops: GitOps, api: Api, kept: set[Name]) -> list[str]:
    """What is missing, other than wanted, or left over. `kept`: objects that stay though git does not have them."""
    wanted, live = wanted_objects(gitops), live_objects(api, gitops.namespace)
    found = [f"{kind} {name} is missing" for kind, name in wanted.keys() - live.keys()]
    found += [
        f"{kind} {name} is not as git says"
        for kind, name in wanted.keys() & live.keys()
        if not is_applied(wanted[kind, name], live[kind, name])
    ]
    found += [
        f"{kind} {name} is left over"
        for kind, name in live.keys() - wanted.keys() - kept
        if is_of_revstamp(live[kind, name])
    ]
    found += [
        f"{kind} {name} is being deleted" for kind, name in wanted.keys() & live.keys() if _ends(live, kind, name)
    ]
    return sorted(found)


def is_of_revstamp(body: Any) -> bool:
    """Whether revstamp applied it itself: nobody owns it, and the label of an endpoint is on it."""
    metadata = body["metadata"]
    labelled = "revstamp.io/endpoint" in (metadata.get("labels") or {})
    return labelled and is_ours(body) and not metadata.get("ownerReferences")


def _ends(live: dict[Name, Object], kind: str, name: str) -> bool:
    return "deletionTimestamp" in live[kind, name]["metadata"]


def wait_for_agreement(
    gitops: GitOps, api: Api, kept: set[Name], seconds: float, say: Callable[[], str] = lambda: ""
) -> float:
    """Wait until cluster and git agree; how long that took. Fails with what they disagree about and what `say` adds."""
    began = time.monotonic()
    while found := find_disagreements(gitops, api, kept):
        assert time.monotonic() - began < seconds, f"after {seconds:g} s: {found}\n{say()}"
        time.sleep(0.2)
    return time.monotonic() - began
