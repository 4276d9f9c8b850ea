"""Following one endpoint's rollout, whoever applies it.

Owns: the options of a wait, and the wait of `watch` and of a change that was committed without a ledger. Refuses: how
a change is told (`rollout_lines`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import note
from generator.cli.rollout_lines import RolloutLines, require_healthy

if TYPE_CHECKING:
    from generator.rollout.status import RolloutStatus

F = TypeVar("F", bound=Callable[..., Any])


def rollout_options(function: F) -> F:
    """Adds `--supersede`, `--wait`, `--timeout` and the way to the cluster to a command that begins a rollout."""
    options = (
        click.option(
            "--supersede", is_flag=True, help="Take the place of one that has no verdict yet; with a ledger only."
        ),
        click.option("--wait", is_flag=True, help="Follow the rollout to its verdict, whoever applies it."),
        click.option(
            "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="The longest wait."
        ),
        cluster_options,
    )
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Watched:
    """How a wait ended."""

    name: str
    statuses: Mapping[str, RolloutStatus]
    finished: bool
    seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"rollouts": [status.to_dict() for status in self.statuses.values()]}

    def require_healthy(self) -> None:
        """Raise by the verdict."""
        require_healthy(self.statuses, finished=self.finished, seconds=self.seconds)


def watch_rollout(folder: str, endpoint: str, rev: str, values: Mapping[str, Any], *, hidden: bool) -> Watched:
    """Follow it to a verdict on what the commit says. `values`: the options of the wait and of the cluster."""
    from generator.cli.target import find_target
    from generator.errors import NotFound
    from generator.reconciler.follow import RolloutFollower, all_final
    from generator.service.expectation import expect_endpoint

    target = find_target(folder, rev, (endpoint,))
    desired, name = target.desired, target.name
    wanted = desired.read(name)
    if suspension := desired.find_suspension(name):
        note(f"{suspension}: the reconciler applies nothing of it until it is resumed")
    if not wanted.bodies:
        raise NotFound(
            f"{wanted.ref} deploys nothing at {rev}", hint="it was deleted, or its model is served elsewhere"
        )
    namespace, seconds = desired.environment.spec.namespace, values["timeout"]
    with (
        target.open_cluster(values) as cluster,
        RolloutLines(hidden=hidden) as lines,
        RolloutFollower(cluster, namespace, endpoint=name, on_change=lines.change) as follower,
    ):
        follower.follow({name: expect_endpoint(desired, wanted)})
        finished = follower.wait(seconds, all_final)
        return Watched(f"{wanted.ref} r{wanted.revision}", follower.look(), finished, seconds)
