"""Where things stand in a GitOps repository.

Owns: every path. Refuses: what stands in the files. Paths are relative, with `/`.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.spec.names import shard_of

REPOSITORY_FILE = "revstamp.yaml"
ENVIRONMENTS = "environments"
TEMPLATES = "templates"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one repository; `shards` and `sharded_endpoints` are fixed when it is made."""

    shards: int = 16
    sharded_endpoints: bool = False

    def environment_file(self, environment: str) -> str:
        """The environment's own file."""
        return f"{ENVIRONMENTS}/{environment}/environment.yaml"

    def endpoints_folder(self, environment: str) -> str:
        """Where people's endpoint files are."""
        return f"{ENVIRONMENTS}/{environment}/endpoints"

    def endpoint_files(self, environment: str, name: str) -> tuple[str, str]:
        """The two places where an endpoint's file may stand; a new one is put into the first."""
        folder = self.endpoints_folder(environment)
        flat, sharded = f"{folder}/{name}.yaml", f"{folder}/{shard_of(name, self.shards)}/{name}.yaml"
        return (sharded, flat) if self.sharded_endpoints else (flat, sharded)

    def manifests_folder(self, environment: str, name: str) -> str:
        """The folder of the endpoint's rendered objects."""
        return f"{ENVIRONMENTS}/{environment}/manifests/{shard_of(name, self.shards)}/{name}"

    def stamp_file(self, environment: str, name: str) -> str:
        """The endpoint's stamp."""
        return f"{ENVIRONMENTS}/{environment}/stamps/{shard_of(name, self.shards)}/{name}.yaml"


def is_stamp_path(path: str) -> bool:
    """Whether the path is that of a stamp file."""
    parts = path.split("/")
    return len(parts) == 5 and parts[0] == ENVIRONMENTS and parts[2] == "stamps" and parts[4].endswith(".yaml")


def is_generated_path(path: str) -> bool:
    """Whether revstamp, not a person, writes the file."""
    parts = path.split("/")
    return len(parts) > 3 and parts[0] == ENVIRONMENTS and parts[2] in ("manifests", "stamps")


def endpoint_of_path(path: str) -> tuple[str, str] | None:
    """Environment and endpoint of an endpoint file's path, or None where the path is something else."""
    parts = path.split("/")
    if len(parts) not in (4, 5) or parts[0] != ENVIRONMENTS or parts[2] != "endpoints":
        return None
    return (parts[1], parts[-1].removesuffix(".yaml")) if parts[-1].endswith(".yaml") else None


def is_below_endpoints(path: str) -> bool:
    """Whether the path is a YAML file in a folder for endpoint files, at any depth."""
    parts = path.split("/")
    return len(parts) > 3 and parts[0] == ENVIRONMENTS and parts[2] == "endpoints" and path.endswith((".yaml", ".yml"))


def environment_of_path(path: str) -> str | None:
    """The environment of an environment file's path, or None where the path is something else."""
    parts = path.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == ENVIRONMENTS and parts[2] == "environment.yaml" else None
