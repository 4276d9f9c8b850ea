"""`revstamp promote`: model and limits from one environment to another."""

from __future__ import annotations

import sys
from typing import Any

import click

from generator.cli.change import carry_out, change_options, print_plan, read_author
from generator.cli.output import note, output_option
from generator.cli.watching import rollout_options


@click.command("promote")
@click.argument("endpoint")
@click.option("--from", "source", required=True, metavar="ENVIRONMENT", help="Where it was tried out.")
@click.option("--to", "target", required=True, metavar="ENVIRONMENT", help="Where it goes.")
@click.option("--as", "name", metavar="NAME", help="Its name there.  [default: the same name, else the same route]")
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@change_options
@rollout_options
@output_option
@click.pass_obj
def command(
    folder: str, /, endpoint: str, source: str, target: str, name: str | None, yes: bool, output: str, **values: Any
) -> None:
    """Carry model, image and token limits to another environment; never replicas, routes or resources.

    The difference is shown first; on a terminal it asks before it commits.

    \b
    Examples:
      revstamp promote chat --from stg --to prod
      revstamp promote chat --from stg --to prod --dry-run
      revstamp promote chat --from stg --to prod --as chat-eu --yes
    """
    from generator.service.promotion import PromoteOperation
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    author = read_author(values, settings)
    operation = PromoteOperation(endpoint, source, target, name)
    asks = sys.stdin.isatty() and not yes and output == "text"
    if values["dry_run"] or asks:
        plan = workspace.plan_operation(operation, author, values["branch"])
        print_plan(plan, output, state="planned")
        if values["dry_run"] or plan.outcome == "unchanged":
            if plan.outcome == "unchanged":
                note("nothing to promote")
            return
        click.confirm(f"Commit this to {plan.ref}?", abort=True, err=True)
    carry_out(workspace, operation, author, values, output)
