"""What runs the reconciler in a cluster, with no more rights than it needs.

Owns: the objects of an installation. Refuses: applying them: whoever may give rights does that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from generator.cluster.kinds import CONFIG_MAP, EVENT, LEASE, POD, RENDERED, REPLICA_SET, Kind

Body = dict[str, Any]

NAME = "revstamp-reconciler"
API = "revstamp-api"
PORT = 8080
_MIRROR = "/var/lib/revstamp"
_GIT = "/etc/revstamp/git"

WRITE = ("get", "list", "watch", "create", "patch", "delete")
READ = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Place:
    """One environment that is installed for: its name and its namespace."""

    environment: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Installation:
    """What to install. `cluster`: the name that the environments give the cluster in which this runs."""

    namespace: str
    image: str
    url: str
    branch: str
    cluster: str
    places: tuple[Place, ...]
    git_secret: str = ""
    webhook_secret: str = ""
    replicas: int = 2


def list_objects(wanted: Installation) -> list[Body]:
    """All objects, in the order in which they are applied."""
    objects = [_service_account(NAME, wanted.namespace), _service_account(API, wanted.namespace)]
    for namespace in sorted({place.namespace for place in wanted.places}):
        names = [place.environment for place in wanted.places if place.namespace == namespace]
        objects += [
            _role(NAME, namespace, reconciler_rules(names)),
            _binding(NAME, namespace, wanted.namespace),
            _role(API, namespace, api_rules(names)),
            _binding(API, namespace, wanted.namespace),
        ]
    return [*objects, _deployment(wanted), _service(wanted)]


def reconciler_rules(environments: Sequence[str]) -> list[Body]:
    """Rights in one namespace: the rendered kinds, what a rollout is judged by, and two objects of its own."""
    return [
        *(_rule(group, kinds, WRITE) for group, kinds in _by_group(RENDERED)),
        *(_rule(group, kinds, READ) for group, kinds in _by_group((POD, REPLICA_SET, EVENT))),
        *_own_rules(CONFIG_MAP, [f"revstamp-applied-{name}" for name in environments]),
        *_own_rules(LEASE, [f"revstamp-{name}" for name in environments]),
    ]


def api_rules(environments: Sequence[str]) -> list[Body]:
    """Rights of whoever only tells how rollouts do."""
    record = _rule(CONFIG_MAP.group, [CONFIG_MAP.plural], ("get",))
    return [
        *(_rule(group, kinds, READ) for group, kinds in _by_group((*RENDERED, POD, REPLICA_SET, EVENT))),
        {**record, "resourceNames": [f"revstamp-applied-{name}" for name in environments]},
    ]


def _own_rules(kind: Kind, names: list[str]) -> list[Body]:
    """Reading and writing objects by name; creating cannot be bound to a name (Kubernetes documentation, RBAC)."""
    named = _rule(kind.group, [kind.plural], ("get", "update"))
    return [{**named, "resourceNames": names}, _rule(kind.group, [kind.plural], ("create",))]


def _by_group(kinds: Iterable[Kind]) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, []).append(kind.plural)
    return [(group, sorted(plurals)) for group, plurals in sorted(groups.items())]


def _rule(group: str, kinds: Sequence[str], verbs: Sequence[str]) -> Body:
    return {"apiGroups": [group], "resources": list(kinds), "verbs": list(verbs)}


def _metadata(name: str, namespace: str) -> Body:
    labels = {"app.kubernetes.io/name": "revstamp", "app.kubernetes.io/component": name.removeprefix("revstamp-")}
    return {"name": name, "namespace": namespace, "labels": labels}


def _service_account(name: str, namespace: str) -> Body:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(name, namespace)}


def _role(name: str, namespace: str, rules: list[Body]) -> Body:
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    return {**head, "metadata": _metadata(name, namespace), "rules": rules}


def _binding(name: str, namespace: str, home: str) -> Body:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(name, namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": home}],
    }


def _deployment(wanted: Installation) -> Body:
    labels = {"app.kubernetes.io/name": "revstamp", "app.kubernetes.io/component": "reconciler"}
    volumes: list[Body] = [{"name": "mirror", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    if wanted.git_secret:
        volumes.append({"name": "git", "secret": {"secretName": wanted.git_secret, "defaultMode": 0o440}})
    pod = {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": volumes,
        "containers": [_container(wanted)],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(NAME, wanted.namespace),
        "spec": {
            "replicas": wanted.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _container(wanted: Installation) -> Body:
    mounts: list[Body] = [{"name": "mirror", "mountPath": _MIRROR}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    if wanted.git_secret:
        mounts.append({"name": "git", "mountPath": _GIT, "readOnly": True})
    environments = [f"--environment={place.environment}" for place in wanted.places]
    return {
        "name": "reconciler",
        "image": wanted.image,
        "args": [
            "reconcile",
            f"--url={wanted.url}",
            f"--mirror={_MIRROR}/mirror",
            f"--branch={wanted.branch}",
            f"--listen=0.0.0.0:{PORT}",
            *environments,
        ],
        "env": _variables(wanted),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 20},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _variables(wanted: Installation) -> list[Body]:
    variables: list[Body] = [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108
        {"name": "REVSTAMP_CLUSTERS", "value": f"{wanted.cluster}=in-cluster"},
    ]
    if wanted.git_secret:
        variables += [
            {"name": "GIT_CONFIG_COUNT", "value": "1"},
            {"name": "GIT_CONFIG_KEY_0", "value": "credential.helper"},
            {"name": "GIT_CONFIG_VALUE_0", "value": f"store --file={_GIT}/credentials"},
        ]
    if wanted.webhook_secret:
        reference = {"name": wanted.webhook_secret, "key": "secret"}
        variables.append({"name": "REVSTAMP_WEBHOOK_SECRET", "valueFrom": {"secretKeyRef": reference}})
    return variables


def _service(wanted: Installation) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(NAME, wanted.namespace),
        "spec": {
            "selector": {"app.kubernetes.io/name": "revstamp", "app.kubernetes.io/component": "reconciler"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    }
