"""`revstamp rollback`: an earlier revision as a new one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from generator.cli.change import carry_out, change_options, print_plan, read_author
from generator.cli.ledger import has_ledger
from generator.cli.output import note, output_option, print_json, say, use_color
from generator.cli.watching import rollout_options

if TYPE_CHECKING:
    from generator.service.workspace import Workspace


@click.command("rollback")
@click.argument("endpoint")
@click.option(
    "--to", "revision", type=click.IntRange(1), metavar="N", help="The revision.  [default: the last other one]"
)
@change_options
@rollout_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, revision: int | None, output: str, **values: Any) -> None:
    """Bring an endpoint's file back as it was at revision N, in a new commit, rendered today.

    Without --to it is the last revision that was healthy, where a ledger knows it, else the newest whose spec differs
    from the present one. Where templates, environment or generator have changed since, what differs from what ran as N
    is shown.

    \b
    Examples:
      revstamp rollback prod/chat --reason "r42 answers too slowly"
      revstamp rollback prod/chat --to 40 --dry-run
    """
    from generator.render.report import diff_dict, diff_text
    from generator.service.rollback import compare_with_past, prepare_rollback
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    author = read_author(values, settings)
    recorded = has_ledger(workspace.repository.git_dir, settings)
    if recorded and not values["dry_run"]:
        from generator.cli.ledger_change import report_recorded

        report_recorded(workspace, lambda service, asker: service.rollback(endpoint, asker, revision), values, output)
        return
    if recorded and revision is None:
        revision = _find_good(workspace, endpoint)
    operation, entry = prepare_rollback(workspace, endpoint, revision)
    if values["dry_run"]:
        plan = workspace.plan_operation(operation, author, values["branch"])
        drift = compare_with_past(workspace, entry, plan)
        if output == "json":
            print_json(
                {"state": "planned", **plan.to_dict(), "differsFromRestored": diff_dict(drift) if drift else None}
            )
            return
        print_plan(plan, output, state="planned")
    else:
        done = carry_out(workspace, operation, author, values, output)
        plan_done = done.plan if done is not None else None
        drift = compare_with_past(workspace, entry, plan_done) if plan_done else None
        if plan_done is not None and plan_done.stamp is not None and output == "text":
            say(f"r{plan_done.stamp.revision} = r{entry.stamp.revision}")
    if drift is not None:
        note(f"not all is as it ran as r{entry.stamp.revision}: templates, environment or generator have changed since")
        if output == "text":
            say(diff_text(drift, color=use_color(sys.stdout)))


def _find_good(workspace: Workspace, endpoint: str) -> int | None:
    """What the ledger would choose."""
    from generator.cli.ledger import open_service
    from generator.service.committed_files import fleet_at
    from generator.service.trunk import ClonedTrunk

    with open_service(ClonedTrunk(workspace), workspace.settings) as service:
        fleet = fleet_at(service.trunk.read_tip(refresh=False))
        return service.find_good(service.find_target(endpoint, fleet, past=True).ref, fleet)
