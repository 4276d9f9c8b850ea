"""`revstamp db`: the ledger's database: its tables, how it stands, a copy of it, old events."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import IO

import click

from generator.cli.database_options import Duration, database_option, opened_database
from generator.cli.output import note, output_option, print_json, say


@click.group("db")
def command() -> None:
    """Look after the ledger's database: make its tables, check it, copy it, take old events away.

    \b
    Examples:
      revstamp db upgrade --database sqlite:////var/lib/revstamp/ledger.db
      revstamp db check
      revstamp db export --file ledger.jsonl
      revstamp db prune --older-than 90d --dry-run
    """


@command.command("upgrade")
@database_option
@output_option
@click.pass_obj
def upgrade(folder: str, /, database: str | None, output: str) -> None:
    """Bring revstamp's tables to this version, or make them. Run twice, it changes nothing.

    Tables of the platform are used as they are, and never changed; only an empty database gets them too.

    \b
    Examples:
      revstamp db upgrade
      revstamp db upgrade --database postgresql://revstamp:PASSWORD@db.example.com:5432/platform
    """
    from generator.store.schema import read_schema, upgrade_schema

    with opened_database(database, folder, make=True) as opened:
        before, after = upgrade_schema(opened)
        state = read_schema(opened)
        label = opened.label
    if output == "json":
        body = {
            "database": label,
            "before": before or None,
            "after": after,
            "missingPlatformTables": list(state.missing),
        }
        print_json(body)
        return
    say(f"{label}: the tables are of version {after}" + (f", were {before or 'not there'}" if before != after else ""))
    if state.missing:
        note(f"tables of the platform that are not there: {', '.join(state.missing)}")


@command.command("check")
@database_option
@click.option("--stuck-after", type=Duration(), default="1h", show_default=True, help="Name locks held for longer.")
@output_option
@click.pass_obj
def check(folder: str, /, database: str | None, stuck_after: timedelta, output: str) -> None:
    """Look whether the database can be used, and what in it is worth a look. Nothing is changed.

    Exit code 13 where it cannot be used: not reachable, or its tables are of another version.

    \b
    Examples:
      revstamp db check
      revstamp db check --stuck-after 15m --output json
    """
    from generator.cli.db_check import examine_database
    from generator.cli.doctor_command import print_finding

    with opened_database(database, folder) as opened:
        findings, error = examine_database(opened, stuck_after)
        label = opened.label
    if output == "json":
        print_json({"database": label, "findings": [finding.to_dict() for finding in findings]})
    else:
        for finding in findings:
            print_finding(finding)
    if error is not None:
        raise error


@command.command("export")
@database_option
@click.option("--file", "-f", "path", type=click.Path(dir_okay=False), help="Write there.  [default: standard output]")
@output_option
@click.pass_obj
def export(folder: str, /, database: str | None, path: str | None, output: str) -> None:
    """Write all of revstamp's own tables as lines of JSON, as they are at one moment.

    The first line says what it is; each other one is {"table": ..., "row": ...}. Plain values that look like secrets
    are left out.

    \b
    Examples:
      revstamp db export --file ledger.jsonl
      revstamp db export | jq -c 'select(.table == "revstamp_redeployments") | .row'
    """
    from generator.store.export import export_lines
    from generator.store.schema import check_schema

    if output == "json" and path is None:
        raise click.UsageError("--output json says how many rows went into a file: give --file too")
    with opened_database(database, folder) as opened:
        check_schema(opened)
        rows = -1
        with _open_target(path) as target:
            for line in export_lines(opened):
                target.write(f"{line}\n")
                rows += 1
    if path is None:
        return
    if output == "json":
        print_json({"file": path, "rows": rows})
    else:
        say(f"{path}: {rows} rows")


def _open_target(path: str | None) -> nullcontext[IO[str]] | IO[str]:
    return nullcontext(sys.stdout) if path is None else Path(path).open("w", encoding="utf-8")


@command.command("prune")
@database_option
@click.option("--older-than", type=Duration(), required=True, help="Events and verdicts of that age, such as 90d.")
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@output_option
@click.pass_obj
def prune(folder: str, /, database: str | None, older_than: timedelta, dry_run: bool, output: str) -> None:
    """Take old events of redeployments away that had their verdict long ago, in short steps that keep nobody waiting.

    Redeployments stay, and of their events who asked, the commit, and the verdict.

    \b
    Examples:
      revstamp db prune --older-than 90d --dry-run
      revstamp db prune --older-than 26w --output json
    """
    from generator.cli.progress import Progress
    from generator.store.ledger import now
    from generator.store.retention import count_old_events, prune_events
    from generator.store.schema import check_schema

    before = now() - older_than
    with opened_database(database, folder) as opened:
        check_schema(opened)
        pruned = count_old_events(opened, before)
        if not dry_run and pruned.events:
            with Progress("events", hidden=output == "json") as progress:
                pruned = prune_events(opened, before, tell=lambda gone: progress(gone, max(gone, pruned.events)))
    if output == "json":
        print_json({**pruned.to_dict(), "before": before.isoformat(timespec="seconds"), "dryRun": dry_run})
        return
    verb = "would go" if dry_run else "are gone"
    say(f"{pruned.events} events of {pruned.redeployments} redeployments {verb}")
