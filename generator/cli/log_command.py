"""`revstamp log`: an endpoint's revisions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from generator.cli.output import output_option, print_json, print_table, say, use_color

if TYPE_CHECKING:
    from generator.service.history import RevisionEntry


@click.command("log")
@click.argument("endpoint")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@click.option("--diff", "with_diff", is_flag=True, help="With what each revision changed, field by field.")
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, limit: int, with_diff: bool, output: str) -> None:
    """List an endpoint's revisions: number, who, when, why, and what changed.

    ENDPOINT may be one that was deleted, as ENVIRONMENT/NAME.

    \b
    Examples:
      revstamp log prod/chat
      revstamp log prod/chat --diff -n 3
      revstamp log prod/chat --output json | jq '.revisions[0].commit'
    """
    from generator.render.report import diff_text, endpoint_verdict
    from generator.service.history import diff_revision, list_revisions
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    workspace = Workspace.open(folder, load_settings())
    tip = workspace.read_tip(refresh=False)
    ref = workspace.find_past_endpoint(tip, endpoint)
    layout = workspace.fleet.layout
    entries = list(list_revisions(workspace.repository, layout, ref, tip.commit or "HEAD", limit))
    diffs = [diff_revision(workspace.repository, entry) for entry in entries]
    if output == "json":
        revisions = [entry.to_dict(diff) for entry, diff in zip(entries, diffs, strict=True)]
        print_json({"endpoint": ref.name, "environment": ref.environment, "revisions": revisions})
        return
    rows = [
        (
            _revision_words(entry),
            f"r{entry.stamp.pod_revision}",
            entry.commit.time.strftime("%Y-%m-%d %H:%M"),
            ", ".join(entry.authors),
            endpoint_verdict(diff),
            entry.reason,
            entry.commit.id[:10],
        )
        for entry, diff in zip(entries, diffs, strict=True)
    ]
    print_table(("revision", "pods", "when", "who", "what", "why", "commit"), rows)
    if with_diff:
        for diff in diffs:
            say(diff_text(diff, color=use_color(sys.stdout)))


def _revision_words(entry: RevisionEntry) -> str:
    """`r8`; `r8 = r5` for a rollback; `r5 again` where newer ones were taken back by hand."""
    restored = f" = r{entry.stamp.restores}" if entry.stamp.restores else ""
    return f"r{entry.stamp.revision}{restored}{' again' if entry.again else ''}"
