"""`revstamp suspend`: let the reconciler leave an endpoint or environment alone."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.change import change_options
from generator.cli.output import output_option
from generator.cli.params import EndpointName, EnvironmentName
from generator.cli.suspension import report_suspension


@click.command("suspend")
@click.argument("endpoint", required=False, type=EndpointName())
@click.option("--environment", "-e", metavar="NAME", type=EnvironmentName(), help="A whole environment.")
@change_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str | None, environment: str | None, output: str, **values: Any) -> None:
    """Let the reconciler leave an endpoint or an environment alone; what runs goes on running.

    Kept in git, as `suspend: true` in the file. Commits go on; they are applied when it is resumed.

    \b
    Examples:
      revstamp suspend prod/chat --reason "node maintenance"
      revstamp suspend --environment prod
    """
    report_suspension(folder, endpoint, environment, values, output, suspend=True)
