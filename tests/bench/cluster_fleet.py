"""A GitOps repository with many endpoints that a testbed cluster can hold, made in seconds.

Owns: one rendered endpoint, repeated under other names. Refuses: measuring.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from generator.service.layout import Layout
from tests.cluster.gitops import GitOps, make_gitops
from tests.fleet_repository import git
from tests.testbed.kube.api import Api

PATTERN = "pattern"


def name_of(number: int) -> str:
    """The endpoint with this number."""
    return f"e{number:05d}"


def make_fleet(root: Path, namespace: str, count: int, *, running: int | None = None) -> GitOps:
    """`count` endpoints, all committed: the first `running` (None: all) of four objects, others stopped, of three."""
    gitops = make_gitops(root, namespace)
    most = count if running is None else running
    for numbers, bounds in ((range(most), {"min": 1, "max": 3}), (range(most, count), {"min": 0, "max": 0})):
        if numbers:
            _repeat(gitops, numbers, bounds)
    return gitops


def _repeat(gitops: GitOps, numbers: range, bounds: dict[str, int]) -> None:
    """One endpoint, rendered once, under many names."""
    gitops.add(PATTERN, replicas=bounds, autoscaling={"cpuUtilization": 80})
    layout, top = Layout(16), gitops.root
    endpoint, stamp = (
        top / path for path in (layout.endpoint_files("test", PATTERN)[0], layout.stamp_file("test", PATTERN))
    )
    manifests = top / layout.manifests_folder("test", PATTERN)
    texts = {path.name: path.read_text() for path in manifests.iterdir()}
    for name in map(name_of, numbers):
        folder = top / layout.manifests_folder("test", name)
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text.replace(PATTERN, name))
        (top / layout.endpoint_files("test", name)[0]).write_text(endpoint.read_text().replace(PATTERN, name))
        own = top / layout.stamp_file("test", name)
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(stamp.read_text().replace(PATTERN, name))
    shutil.rmtree(manifests)
    endpoint.unlink()
    stamp.unlink()
    git(top, "add", "-A")
    git(top, "commit", "-qm", "fleet")


def make_namespace(kubeconfig: Path, name: str) -> str:
    """A new namespace; its name."""
    Api(kubeconfig).create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def remove_namespace(kubeconfig: Path, name: str) -> None:
    """Take a namespace away and wait until it is gone: its pods would be in the way of the next measurement."""
    api = Api(kubeconfig)
    api.delete(f"/api/v1/namespaces/{name}")
    api.wait_gone(f"/api/v1/namespaces/{name}", 900)


def move_to(gitops: GitOps, namespace: str) -> None:
    """The same fleet for another namespace, in the next commit."""
    for path in [
        *gitops.root.glob("environments/test/manifests/*/*/*.yaml"),
        gitops.root / "environments/test/environment.yaml",
    ]:
        path.write_text(path.read_text().replace(gitops.namespace, namespace))
    git(gitops.root, "commit", "-qam", "namespace")
    gitops.namespace = namespace
