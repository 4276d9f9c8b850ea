"""`revstamp watch`: follow one rollout to its verdict."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import output_option, print_json, say
from generator.cli.params import EndpointName
from generator.cli.watching import watch_rollout


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
    watched = watch_rollout(folder, endpoint, rev, values, hidden=output == "json")
    if output == "json":
        print_json(watched.to_dict())
    watched.require_healthy()
    if output != "json":
        say(f"{watched.name} is healthy")
