"""`revstamp apply --path`: manifests as they stand on disk.

Owns: reading them. Refuses: pruning and the record, which need a commit.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from generator.cli.cluster_options import open_named_cluster
from generator.cli.output import print_json, say, warn


def apply_path(values: dict[str, Any], output: str) -> None:
    """Apply all objects of a file or folder. ApplyIncomplete where one of them could not be."""
    from generator.cluster.apply_objects import apply_objects, collect_changes
    from generator.cluster.policy import ApplyPolicy
    from generator.errors import ApplyIncomplete
    from generator.settings import load_settings

    settings = load_settings()
    bodies = read_bodies(Path(values["path"]))
    policy = ApplyPolicy(force=values["force_conflicts"], dry_run=values["dry_run"])
    with closing(open_named_cluster(_cluster_of(Path(values["path"])), settings, values)) as cluster:
        changes = collect_changes(apply_objects(cluster, bodies, policy))
    if output == "json":
        print_json({"path": values["path"], "objects": [change.to_dict() for change in changes]})
    else:
        for change in changes:
            warn(str(change)) if change.error else say(str(change))
    if changes.failed:
        failed = ", ".join(str(change.ref) for change in changes.failed)
        raise ApplyIncomplete(f"not everything was applied: {failed}", details={"objects": failed})


def read_bodies(path: Path) -> list[dict[str, Any]]:
    """Every object of the YAML files at the path. InvalidInput for what is no object."""
    from generator.errors import InvalidInput
    from generator.render.parse import load_yaml

    files = [path] if path.is_file() else sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")])
    bodies = []
    for file in files:
        body = load_yaml(file.read_bytes(), str(file))
        if not isinstance(body, dict) or not body.get("kind") or not (body.get("metadata") or {}).get("name"):
            raise InvalidInput(f"{file} holds no Kubernetes object", hint="give the folder `manifests`")
        if str(body.get("apiVersion", "")).startswith("revstamp.io/"):
            raise InvalidInput(f"{file} is a file of revstamp, no manifest", hint="give the folder `manifests`")
        bodies.append(body)
    if not bodies:
        raise InvalidInput(f"there are no YAML files at {path}")
    return bodies


def _cluster_of(path: Path) -> str:
    """The cluster that the environment of this path names; `default` where it is of no environment."""
    from generator.spec.validate import load_environment

    for parent in path.resolve().parents:
        file = parent / "environment.yaml"
        if file.is_file():
            return load_environment(file.read_bytes(), str(file))[0].spec.cluster
    return "default"
