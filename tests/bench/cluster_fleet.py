"""A GitOps repository with many endpoints that a testbed cluster can hold, made in seconds.

Owns: one rendered endpoint, repeated under other names. Refuses: measuring.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from generator.service.layout import Layout
from tests.cluster.gitops import GitOps, make_gitops
from tests.fleet_repository import git

PATTERN = "pattern"


def name_of(number: int) -> str:
    """The endpoint with this number."""
    return f"e{number:05d}"


def make_fleet(root: Path, namespace: str, count: int, *, running: bool = True) -> GitOps:
    """`count` endpoints of four objects (running) or three (stopped), all committed."""
    gitops = make_gitops(root, namespace)
    bounds = {"min": 1, "max": 3} if running else {"min": 0, "max": 0}
    gitops.add(PATTERN, replicas=bounds, autoscaling={"cpuUtilization": 80})
    layout, top = Layout(16), root
    files = {
        "endpoint": top / layout.endpoint_files("test", PATTERN)[0],
        "stamp": top / layout.stamp_file("test", PATTERN),
    }
    manifests = top / layout.manifests_folder("test", PATTERN)
    texts = {path.name: path.read_text() for path in manifests.iterdir()}
    own = {part: path.read_text() for part, path in files.items()}
    for number in range(count):
        name = name_of(number)
        folder = top / layout.manifests_folder("test", name)
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text.replace(PATTERN, name))
        (top / layout.endpoint_files("test", name)[0]).write_text(own["endpoint"].replace(PATTERN, name))
        stamp = top / layout.stamp_file("test", name)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(own["stamp"].replace(PATTERN, name))
    shutil.rmtree(manifests)
    for path in files.values():
        path.unlink()
    git(root, "add", "-A")
    git(root, "commit", "-qm", "fleet")
    return gitops


def move_to(gitops: GitOps, namespace: str) -> None:
    """The same fleet for another namespace, in the next commit."""
    for path in [
        *gitops.root.glob("environments/test/manifests/*/*/*.yaml"),
        gitops.root / "environments/test/environment.yaml",
    ]:
        path.write_text(path.read_text().replace(gitops.namespace, namespace))
    git(gitops.root, "commit", "-qam", "namespace")
    gitops.namespace = namespace
