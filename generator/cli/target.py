"""What a command that speaks to a cluster is about: endpoints of one environment, at one commit.

Owns: finding them by what a person has typed, and the way to their cluster. Refuses: what is done there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.cli.cluster_options import open_named_cluster

if TYPE_CHECKING:
    from generator.cluster.port import Cluster
    from generator.service.desired import DesiredEnvironment
    from generator.service.workspace import Workspace
    from generator.settings import Settings


@dataclass(frozen=True, slots=True)
class Target:
    """Endpoints of one environment. `names`: those that were asked for; None for all of them."""

    settings: Settings
    desired: DesiredEnvironment
    names: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """The endpoint, where one was asked for."""
        return (self.names or ("",))[0]

    def open_cluster(self, values: Mapping[str, Any]) -> closing[Cluster]:
        """The environment's cluster, by the options or the settings; closed at the end of a `with`."""
        return closing(open_named_cluster(self.desired.environment.spec.cluster, self.settings, values))


def find_target(folder: str, rev: str, endpoints: Sequence[str], environment: str | None = None) -> Target:
    """What is meant in the repository of this folder. NotFound where the commit does not have it."""
    from generator.service.desired import DesiredEnvironment
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    found, names = _choose(workspace, rev, endpoints, environment)
    desired = DesiredEnvironment(workspace.snapshot(rev), found)
    _ = desired.environment
    return Target(settings, desired, names)


def _choose(
    workspace: Workspace, rev: str, endpoints: Sequence[str], environment: str | None
) -> tuple[str, tuple[str, ...] | None]:
    """The one environment that is meant, and the endpoints in it; None for all of them."""
    from generator.errors import InvalidInput
    from generator.service.committed_files import fleet_at

    snapshot = workspace.snapshot(rev)
    fleet = fleet_at(snapshot)
    if not endpoints:
        names = fleet.environment_names()
        if environment is None and len(names) != 1:
            raise InvalidInput("say which environment or endpoint is meant", hint=f"-e {names[0] if names else 'NAME'}")
        return environment or names[0], None
    refs = [workspace.find_past_endpoint(snapshot, _qualify(text, environment)) for text in endpoints]
    found = {ref.environment for ref in refs}
    if len(found) != 1:
        raise InvalidInput("the endpoints are of several environments", hint="apply one environment at a time")
    return found.pop(), tuple(dict.fromkeys(ref.name for ref in refs))


def _qualify(text: str, environment: str | None) -> str:
    return f"{environment}/{text}" if environment and "/" not in text else text
