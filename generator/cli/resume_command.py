"""`revstamp resume`: let the reconciler go on with what was suspended."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.change import change_options
from generator.cli.output import output_option
from generator.cli.params import EndpointName, EnvironmentName
from generator.cli.suspension import report_suspension


@click.command("resume")
@click.argument("endpoint", required=False, type=EndpointName())
@click.option("--environment", "-e", metavar="NAME", type=EnvironmentName(), help="A whole environment.")
@change_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str | None, environment: str | None, output: str, **values: Any) -> None:
    """Let the reconciler go on: whatever was committed meanwhile is applied.

    \b
    Examples:
      revstamp resume prod/chat --reason "maintenance is over"
      revstamp resume --environment prod
    """
    report_suspension(folder, endpoint, environment, values, output, suspend=False)
