"""`revstamp diff`: what a commit would change, or what two commits differ in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import note, output_option, print_json, say, use_color, warn
from generator.cli.progress import Progress

if TYPE_CHECKING:
    from generator.render.diff import EndpointDiff
    from generator.service.plan import EndpointPlan
    from generator.service.workspace import Workspace


@click.command("diff")
@click.argument("revs", nargs=-1, metavar="[REV [REV]]")
@click.option("-e", "--endpoint", "endpoints", multiple=True, metavar="ENDPOINT", help="Only this one. Repeatable.")
@click.option("--all", "everything", is_flag=True, help="Render every endpoint, not only those that you touched.")
@click.option("--markdown", is_flag=True, help="For a comment on a pull request: at most 8 KB.")
@click.option("--files", is_flag=True, help="The files line by line, instead of what they mean.")
@click.option("--exit-code", is_flag=True, help="End with 1 where there is a difference.")
@click.option("--live", is_flag=True, help="Compare with the cluster, by a dry run of the API server.")
@click.option("--environment", metavar="NAME", help="With --live: all endpoints of this environment.")
@cluster_options
@output_option
@click.pass_obj
def command(
    folder: str,
    /,
    revs: tuple[str, ...],
    endpoints: tuple[str, ...],
    everything: bool,
    markdown: bool,
    files: bool,
    exit_code: bool,
    output: str,
    **values: Any,
) -> int:
    """Show what changes, what it restarts, and which GPUs it needs.

    Without REV: what `revstamp commit` would change. With one: from there to HEAD. With two: from one to the other.
    With --live: what `revstamp apply` of REV (or HEAD) would change in the cluster; what others own does not show.

    \b
    Examples:
      revstamp diff
      revstamp diff HEAD~1
      revstamp diff origin/main HEAD --markdown > comment.md
      revstamp diff --all --exit-code
      revstamp diff --live -e prod/chat
    """
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    if values["live"]:
        from generator.cli.live_diff import print_live_diff

        if len(revs) > 1 or everything or markdown or files:
            raise click.UsageError("--live goes with one revision at most, and without --all, --markdown and --files")
        rev = revs[0] if revs else "HEAD"
        differs = print_live_diff(folder, rev, endpoints, values, output)
        return 1 if exit_code and differs else 0
    if len(revs) > 2:
        raise click.UsageError("give at most two revisions")
    workspace = Workspace.open(folder, load_settings())
    if revs:
        old, new = revs[0], revs[1] if len(revs) > 1 else "HEAD"
        diffs = _between(workspace, old, new, endpoints)
        text = _git_diff(workspace, old, new) if files else ""
    else:
        plans = _planned(workspace, endpoints, output, everything=everything)
        diffs = [plan.diff for plan in plans if plan.diff is not None and plan.diff.changed]
        text = "".join(_plan_files(workspace, plan) for plan in plans) if files else ""
        for plan in plans if output == "text" else ():
            for line in (*plan.warnings, *(str(violation) for violation in plan.violations)):
                warn(f"{plan.ref}: {line}")
    _print(diffs, text, output, markdown=markdown, files=files)
    return 1 if exit_code and diffs else 0


def _between(workspace: Workspace, old: str, new: str, endpoints: tuple[str, ...]) -> list[EndpointDiff]:
    from generator.service.compare import compare_commits

    before, after = workspace.snapshot(old), workspace.snapshot(new)
    only = frozenset(workspace.find_past_endpoint(after, text) for text in endpoints)
    return list(compare_commits(workspace.repository, before, after, only))


def _planned(workspace: Workspace, endpoints: tuple[str, ...], output: str, *, everything: bool) -> list[EndpointPlan]:
    from generator.service.commit import Author

    with Progress("rendering endpoints", hidden=output == "json") as progress:
        change = workspace.plan_edits(Author("diff"), everything=everything, most_plans=100_000, progress=progress)
    only = {workspace.fleet.find_endpoint(text) for text in endpoints}
    for item in change.endpoints:
        if item.violations and (not only or item.ref in only):
            warn(f"{item.ref} cannot be deployed: {item.violations[0]}")
    return [plan for plan in change.plans if not only or plan.ref in only]


def _plan_files(workspace: Workspace, plan: EndpointPlan) -> str:
    from generator.render.report import unified

    tree = workspace.head_tree()
    paths = (*plan.writes, *plan.deletes)
    before = {path: data.decode("utf-8", "replace") for path in paths if (data := tree.read(path)) is not None}
    after = {path: data.decode("utf-8", "replace") for path, data in plan.writes.items()}
    return unified(before, after, color=use_color(sys.stdout))


def _git_diff(workspace: Workspace, old: str, new: str) -> str:
    from generator.service.layout import ENVIRONMENTS

    ids = [workspace.repository.resolve(rev) for rev in (old, new)]
    color = "always" if use_color(sys.stdout) else "never"
    return workspace.repository.git("diff", f"--color={color}", "--no-ext-diff", *ids, "--", ENVIRONMENTS).text


def _print(diffs: list[EndpointDiff], text: str, output: str, *, markdown: bool, files: bool) -> None:
    from generator.render.diff import FleetDiff
    from generator.render.report import diff_markdown, diff_text, fleet_dict, fleet_verdict

    fleet = FleetDiff(tuple(diffs))
    if output == "json":
        print_json(fleet_dict(fleet))
    elif markdown:
        say(diff_markdown(diffs))
    elif files:
        say(text.rstrip("\n"))
    else:
        for diff in diffs:
            say(diff_text(diff, color=use_color(sys.stdout)))
        if len(diffs) > 1:
            say(fleet_verdict(fleet))
        if not diffs:
            note("no difference in what is deployed")
