"""`revstamp history`: an endpoint's redeployments."""

from __future__ import annotations

import click

from generator.cli.ledger import open_ledger_of
from generator.cli.output import output_option, print_json, print_table


@click.command("history")
@click.argument("endpoint", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.option("--before", type=click.IntRange(1), metavar="ID", help="Only older ones than this redeployment.")
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str | None, limit: int, before: int | None, output: str) -> None:
    """List redeployments, newest first: what was asked for, by whom, and what came of it; also what was refused.

    ENDPOINT is a name, an id, or ENVIRONMENT/NAME; without it: of all endpoints. `revstamp log` lists the revisions
    that git knows, with or without a ledger.

    \b
    Examples:
      revstamp history prod/chat
      revstamp history -n 100 --output json | jq '.redeployments[] | select(.state == "failed")'
    """
    from generator.store.queries import Filter

    with open_ledger_of(folder) as service:
        wanted = Filter()
        if endpoint is not None:
            ref = service.find_ref(endpoint)
            wanted = Filter(ref.environment, ref.name)
        rows = service.queries.page(wanted, limit, before)
    if output == "json":
        print_json({"redeployments": [row.to_dict() for row in rows]})
        return
    table = [
        (
            str(row.id),
            row.name,
            row.kind.value + (f" to r{row.restores}" if row.restores else ""),
            f"r{row.revision}" if row.revision else "–",
            row.state.value + (f" ({row.failing})" if row.failing else ""),
            f"{row.created_at:%Y-%m-%d %H:%M:%S}",
            row.actor,
            row.message or row.reason,
        )
        for row in rows
    ]
    print_table(("id", "endpoint", "what", "revision", "state", "when (UTC)", "who", "why or what came of it"), table)
