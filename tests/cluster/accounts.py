"""Service accounts of the testbed, and kubeconfigs that are theirs alone.

Owns: an account, its token, a file with both. Refuses: giving rights.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.testbed.fixtures.cluster import Cluster


def make_account(cluster: Cluster, namespace: str, name: str) -> str:
    """A service account without any rights; its name."""
    cluster.kubectl("create", "serviceaccount", name, "-n", namespace)
    return name


def kubeconfig_of(cluster: Cluster, namespace: str, account: str, path: Path) -> Path:
    """A kubeconfig with a token of the account, as `kubectl create token` gives it."""
    token = cluster.kubectl("create", "token", account, "-n", namespace, "--duration=1h").strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    (used,) = [each["context"] for each in config["contexts"] if each["name"] == config["current-context"]]
    used["user"] = account
    config["users"] = [{"name": account, "user": {"token": token}}]
    config["contexts"] = [{"name": config["current-context"], "context": used}]
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    path.chmod(0o600)
    return path
