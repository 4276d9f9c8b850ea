"""`revstamp watch`: follow one rollout to its verdict."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import note, output_option, print_json, say
from generator.cli.params import EndpointName
from generator.cli.rollout_lines import RolloutLines, require_healthy


@click.command("watch")
@click.argument("endpoint", type=EndpointName())
@click.option("--rev", default="HEAD", show_default=True, metavar="REV", help="The commit to wait for.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="The longest wait.")
@cluster_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, rev: str, output: str, **values: Any) -> None:
    """Follow an endpoint's rollout until its verdict is final, whoever applies it.

    A line for each change: live on a terminal, with a time stamp in a log. The exit code is the verdict: 0 healthy,
    10 failed, 11 timed out, 12 superseded.

    \b
    Examples:
      revstamp watch prod/chat
      revstamp watch prod/chat --timeout 1800 --output json
    """
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
        RolloutLines(hidden=output == "json") as lines,
        RolloutFollower(cluster, namespace, endpoint=name, on_change=lines.change) as follower,
    ):
        follower.follow({name: expect_endpoint(desired, wanted)})
        finished = follower.wait(seconds, all_final)
        statuses = follower.look()
    if output == "json":
        print_json({"rollouts": [status.to_dict() for status in statuses.values()]})
    require_healthy(statuses, finished=finished, seconds=seconds)
    if output != "json":
        say(f"{wanted.ref} r{wanted.revision} is healthy")
