"""What `revstamp doctor` says about clusters: whether each environment's can be reached, and is what its file says.

Owns: the findings of one cluster and of each environment in it. Refuses: changing anything, and needing more rights
than whoever asks has: what may not be looked at is said, not failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from generator.cluster.kinds import NAMESPACE, ObjectRef
from generator.cluster.port import Cluster, hurry
from generator.errors import ClusterForbidden, ClusterNotConfigured, InvalidInput, RevstampError
from generator.reconciler.doctor_kserve import check_kserve
from generator.reconciler.doctor_needs import Needs, find_needs
from generator.reconciler.doctor_rights import check_rights, has_kind
from generator.service.finding import Finding, Verdict, failure, guard
from generator.service.fleet import Fleet
from generator.spec.environment import EnvironmentSpec

SECONDS = 10.0
"""How long one question to a cluster may take; who asks a doctor wants to know now."""

OpenCluster = Callable[[str], Cluster]


def examine_clusters(
    fleet: Fleet, open_cluster: OpenCluster, only: Sequence[str] = (), *, is_asked_for: bool = False
) -> Iterator[Finding]:
    """All findings about the clusters that environments name.

    `only`: names of environments; empty for all. NotFound for one that is not there. `is_asked_for`: somebody named a
    kubeconfig or context, so that one that cannot be used is a failure; otherwise a cluster that this machine does not
    know is only worth a look.
    """
    for name, specs in sorted(_group_by_cluster(fleet, only).items()):
        check = f"cluster {name}"
        try:
            cluster = open_cluster(name)
        except ClusterNotConfigured as error:
            verdict: Verdict = "failure" if is_asked_for else "warning"
            yield Finding(check, verdict, error.message, error.hint, (f"named by {', '.join(specs)}",))
            continue
        except RevstampError as error:
            yield failure(check, error)
            continue
        try:
            hasty = hurry(cluster, SECONDS)
            yield from guard(check, partial(_check_cluster, fleet, hasty, specs))
        finally:
            cluster.close()


def _group_by_cluster(fleet: Fleet, only: Sequence[str]) -> dict[str, dict[str, EnvironmentSpec]]:
    """Specs by cluster and environment; files that cannot be read are a finding of their own already."""
    groups: dict[str, dict[str, EnvironmentSpec]] = {}
    for name in only or fleet.environment_names():
        try:
            spec = fleet.environment(name)[0].spec
        except InvalidInput:
            continue
        groups.setdefault(spec.cluster, {})[name] = spec
    return groups


def _check_cluster(fleet: Fleet, cluster: Cluster, specs: Mapping[str, EnvironmentSpec]) -> Iterator[Finding]:
    version = cluster.version()
    if cluster.is_simulated:  # it has every namespace, kind and right, and is of no version
        yield Finding(f"cluster {cluster.name}", "ok", "simulated: nothing runs")
        return
    yield Finding(f"cluster {cluster.name}", "ok", f"{version} answers")
    for name in specs:
        check = f"{name} in cluster {cluster.name}"
        yield from guard(check, partial(_check_environment, check, fleet, cluster, name, version))


def _check_environment(check: str, fleet: Fleet, cluster: Cluster, name: str, version: str) -> Iterator[Finding]:
    spec = fleet.environment(name)[0].spec
    needs = find_needs(fleet, name)
    found = [
        *_check_version(check, spec, version),
        *_check_namespace(check, spec, cluster),
        *_check_kinds(check, spec, cluster, needs),
        *check_rights(check, cluster, name, spec.namespace),
        *(check_kserve(check, cluster, spec) if needs.kserve else ()),
    ]
    yield from found
    if not found:
        kinds = ", ".join(sorted(kind.name for kind in needs.kinds))
        yield Finding(check, "ok", f"namespace {spec.namespace}, kinds {kinds}, all rights")


def _check_version(check: str, spec: EnvironmentSpec, version: str) -> Iterator[Finding]:
    live = ".".join(version.removeprefix("v").split(".")[:2])
    wanted = ".".join(spec.kubernetes_version.removeprefix("v").split(".")[:2])
    if live != wanted:
        message = f"the cluster runs Kubernetes {version}, the environment's file says {spec.kubernetes_version}"
        fix = f'set spec.kubernetesVersion to "{live}", so that objects are checked against the right schemas'
        yield Finding(check, "warning", message, fix)


def _check_namespace(check: str, spec: EnvironmentSpec, cluster: Cluster) -> Iterator[Finding]:
    try:
        body = cluster.read(ObjectRef(NAMESPACE, "", spec.namespace))
    except ClusterForbidden:
        return  # an account with rights in the namespace only; those are looked at by themselves
    if body is None:
        fix = f"kubectl create namespace {spec.namespace}"
        yield Finding(check, "failure", f"there is no namespace {spec.namespace}", fix)
    elif body["metadata"].get("deletionTimestamp"):
        message = f"the namespace {spec.namespace} is being deleted"
        yield Finding(check, "failure", message, "wait until it is gone, then create it again")


def _check_kinds(check: str, spec: EnvironmentSpec, cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    for kind, why in needs.kinds.items():
        if not has_kind(cluster, kind, spec.namespace):
            message = f"the cluster has no {kind.name} ({kind.api_version}), which {why} needs"
            yield Finding(check, "failure", message, needs.fix_of(kind))
