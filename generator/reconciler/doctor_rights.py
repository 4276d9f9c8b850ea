"""Whether whoever asks has the rights that the reconciler needs in a namespace.

Owns: asking for each right of `installation`, and saying in one finding what is missing. Refuses: giving any.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from generator.cluster.kinds import CONFIG_MAP, EVENT, LEASE, POD, RENDERED, REPLICA_SET, Kind
from generator.cluster.port import Cluster
from generator.errors import ClusterForbidden, KindMissing
from generator.reconciler.installation import READ, reconciler_rules
from generator.render.pods import ENDPOINT
from generator.service.finding import Finding

_KINDS = {(kind.group, kind.plural): kind for kind in (*RENDERED, POD, REPLICA_SET, EVENT, CONFIG_MAP, LEASE)}
_AT_ONCE = 8
_NO_OBJECT = f"{ENDPOINT}=no_endpoint"
"""A selector that no object meets, since no endpoint's name has an underscore."""


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that may be done; `name` is empty where it is for all objects of the kind."""

    verb: str
    kind: Kind
    name: str = ""


def list_rights(environment: str) -> Iterator[Right]:
    """What the reconciler needs in an environment's namespace."""
    for rule in reconciler_rules([environment]):
        for group, plural, verb in _combine(rule):
            for name in rule.get("resourceNames") or ("",):
                yield Right(verb, _KINDS[group, plural], name)


def _combine(rule: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for group in rule["apiGroups"]:
        for plural in rule["resources"]:
            for verb in rule["verbs"]:
                yield group, plural, verb


def check_rights(check: str, cluster: Cluster, environment: str, namespace: str) -> Iterator[Finding]:
    """Nothing where all rights are there; a warning for an account that only reads, a failure for less."""
    rights = tuple(list_rights(environment))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        allowed = pool.map(lambda right: _may(cluster, right, namespace), rights)
        lacking = [right for right, is_allowed in zip(rights, allowed, strict=True) if not is_allowed]
    if not lacking:
        return
    fix = "give the rights of `revstamp install --export`"
    cases = tuple(_say_rights(lacking))
    if any(right.verb in READ and right.kind != LEASE for right in lacking):
        yield Finding(check, "failure", f"rights are missing in namespace {namespace}", fix, cases)
    else:
        message = f"this account may look, but not apply everything, in namespace {namespace}"
        yield Finding(check, "warning", message, f"fine for `status` and `watch`; else {fix}", cases)


def _may(cluster: Cluster, right: Right, namespace: str) -> bool:
    """Whether the right is there, for all objects or for the one that is needed."""
    if cluster.can(right.verb, right.kind, namespace):
        return True
    return bool(right.name) and cluster.can(right.verb, right.kind, namespace, name=right.name)


def _say_rights(rights: list[Right]) -> Iterator[str]:
    verbs: dict[tuple[Kind, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.kind, right.name), []).append(right.verb)
    for (kind, name), found in verbs.items():
        yield f"{kind.plural}{f' {name}' if name else ''}: {', '.join(found)}"


def has_kind(cluster: Cluster, kind: Kind, namespace: str) -> bool:
    """Whether the cluster knows the kind; one that may not be listed is believed to be there."""
    try:
        next(iter(cluster.list(kind, namespace, _NO_OBJECT)), None)
    except KindMissing:
        return False
    except ClusterForbidden:
        return True
    return True
