"""Objects that are none of revstamp's business, or that it was told to leave alone.

Owns: making them, and their uids later. Refuses: nothing.
"""

from __future__ import annotations

from generator.cluster.drift import is_ours
from generator.cluster.kinds import CONFIG_MAP
from generator.service.desired import Body
from tests.cluster.gitops import GitOps
from tests.proofs.agreement import Name, live_objects
from tests.proofs.stream import KEPT
from tests.testbed.kube.api import Api, Object
from tests.testbed.workloads import make_deployment, make_volume

PRUNE = "revstamp.io/prune"
GUARDED: Name = ("Service", "guarded-svc")


def make_bystanders(gitops: GitOps, api: Api) -> None:
    """A foreign Deployment and Service with our label, a claim, a ConfigMap; and one of ours that nobody may prune.

    Git never had the guarded one: without its annotation it would be found by its label and pruned.
    """
    foreign = make_deployment(gitops.namespace, "foreign", replicas=1)
    foreign["metadata"]["labels"] = {"revstamp.io/endpoint": "keep-plain"}
    api.apply(foreign)
    api.apply(_service(gitops.namespace, "foreign-svc"))
    for body in make_volume(gitops.namespace):
        api.apply(body)
    api.apply(
        {
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.name,
            "metadata": {"name": "foreign", "namespace": gitops.namespace, "labels": {"revstamp.io/endpoint": "e1"}},
        }
    )
    guarded = _service(gitops.namespace, GUARDED[1])
    guarded["metadata"]["annotations"] = {PRUNE: "disabled"}
    api.apply(guarded, manager="revstamp")


def _service(namespace: str, name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"revstamp.io/endpoint": "e1"}},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }


def read_uids(gitops: GitOps, api: Api) -> dict[Name, str]:
    """Of everything that must be the same object to the end: bystanders, what is kept, and KServe's children of it."""
    found = live_objects(api, gitops.namespace)
    uids = {name: _uid(body) for name, body in found.items() if _stays(name, body)}
    core = f"/api/v1/namespaces/{gitops.namespace}"
    for kind, path in (
        ("PersistentVolumeClaim", "persistentvolumeclaims/model-store"),
        ("ConfigMap", "configmaps/foreign"),
    ):
        uids[kind, path.rpartition("/")[2]] = _uid(api.get(f"{core}/{path}"))
    return uids


def _stays(name: Name, body: Body) -> bool:
    kept = name[0] in ("Deployment", "InferenceService", "Service") and any(name[1].startswith(each) for each in KEPT)
    return kept or name == GUARDED or (not is_ours(body) and not body["metadata"].get("ownerReferences"))


def _uid(body: Body) -> str:
    return str(body["metadata"]["uid"])
