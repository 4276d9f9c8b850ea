"""`revstamp delete`: the endpoint goes, its history stays."""

from __future__ import annotations

import sys
from typing import Any

import click

from generator.cli.change import change_options, report_change
from generator.cli.output import output_option
from generator.cli.watching import rollout_options


@click.command("delete")
@click.argument("endpoint")
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@change_options
@rollout_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, yes: bool, output: str, **values: Any) -> None:
    """Remove an endpoint's file and manifests. Its stamp stays, so that no revision number is used twice.

    \b
    Examples:
      revstamp delete dev/chat
      revstamp delete dev/chat --yes --reason "replaced by chat-v2"
    """
    from generator.service.operations import DeleteOperation

    if not yes and not values["dry_run"] and sys.stdin.isatty():
        click.confirm(f"Remove {endpoint} and all its manifests?", abort=True, err=True)
    report_change(folder, DeleteOperation(endpoint), values, output)
