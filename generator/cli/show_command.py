"""`revstamp show`: one redeployment with its events."""

from __future__ import annotations

import click

from generator.cli.ledger import open_ledger_of
from generator.cli.output import output_option, print_json, print_table, say


@click.command("show")
@click.argument("redeployment")
@output_option
@click.pass_obj
def command(folder: str, /, redeployment: str, output: str) -> None:
    """Show one redeployment: who, why, what was committed, how it went, and each event on the way.

    REDEPLOYMENT is its number or its request id.

    \b
    Examples:
      revstamp show 17
      revstamp show 17 --output json | jq '.events[].name'
    """
    from generator.store.redeployment import to_json

    with open_ledger_of(folder) as service:
        row = service.queries.find(redeployment)
        events = service.queries.events(row.id)
    if output == "json":
        print_json({**row.to_dict(), "events": [event.to_dict() for event in events]})
        return
    revision = f" as r{row.revision}" if row.revision else ""
    say(f"redeployment {row.id}: {row.kind} of {row.name}{revision}: {row.state}")
    for name, value in (
        ("by", row.actor),
        ("reason", row.reason),
        ("commit", row.commit_id),
        ("pull request", row.pull_request or row.branch),
        ("failing", row.failing or row.failure_reason),
        ("message", row.message),
        ("hint", row.hint),
        ("superseded by", row.superseded_by),
        ("takes back", row.rolls_back),
    ):
        if value:
            say(f"  {name}: {value}")
    print_table(("at", "event", ""), [(str(to_json(item.at)), item.name, item.message) for item in events])
