"""`revstamp commit`: a person's edits and what they render to, in one commit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from generator.cli.change import change_options, commit_fields, print_plan, pushed_words, read_author, tell_follow_up
from generator.cli.output import note, output_option, print_json, say, warn
from generator.cli.progress import Progress

if TYPE_CHECKING:
    from generator.service.commit import Author
    from generator.service.edits import EditedEndpoint
    from generator.service.workspace import Committed, Workspace


@click.command("commit")
@click.option("-m", "--message", default="", help="Why; the same as --reason.")
@click.option("--all", "everything", is_flag=True, help="Render every endpoint, not only those that were touched.")
@change_options
@output_option
@click.pass_obj
def command(folder: str, /, message: str, everything: bool, output: str, **values: Any) -> None:
    """Render what your edits touch and commit both together; push where there is a remote.

    Edits are all changes below environments/ and templates/, and of revstamp.yaml, staged or not. An endpoint that
    cannot be deployed yet is committed without manifests, with a warning. No change, no commit.

    \b
    Examples:
      revstamp commit -m "more memory for chat"
      revstamp commit --dry-run
      revstamp commit --branch more-memory        # for a pull request
      revstamp commit --all -m "new base image"
    """
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    author = read_author({**values, "reason": message or values["reason"]}, settings)
    progress = Progress("rendering endpoints", hidden=output == "json")
    if values["dry_run"]:
        with progress:
            change = workspace.plan_edits(author, values["branch"], everything=everything, progress=progress)
        _report(None, workspace, author, change.endpoints, output)
        if output == "text":
            for plan in change.plans:
                print_plan(plan, output, state="planned")
        return
    with progress:
        done = workspace.commit_edits(author, values["branch"], everything=everything, progress=progress)
    _report(done, workspace, author, list(done.endpoints), output)
    tell_follow_up(done)


def _report(
    done: Committed | None, workspace: Workspace, author: Author, endpoints: list[EditedEndpoint], output: str
) -> None:
    state = "planned" if done is None else "committed" if done.result.commit else "unchanged"
    if output == "json":
        body = {"state": state, "requestId": author.request_id, "endpoints": [item.to_dict() for item in endpoints]}
        print_json({**body, **(commit_fields(done) if done else {})})
        return
    for item in endpoints:
        _tell(item, many=len(endpoints) > 20)
    if done is None:
        say(f"{len(endpoints)} endpoints touched; nothing was committed")
    elif done.result.commit is None:
        say("nothing to commit: nothing differs from the last commit")
    else:
        count = sum(item.outcome in ("changed", "deleted") for item in endpoints)
        where = f"committed {done.result.commit[:10]} on {done.branch}{pushed_words(workspace, done)}"
        say(f"{where}: {count} of {len(endpoints)} endpoints changed")
    sys.stdout.flush()


def _tell(item: EditedEndpoint, *, many: bool) -> None:
    if item.outcome in ("changed", "deleted", "external") and not many:
        say(f"{item.ref}: {item.summary}")
        if item.downtime:
            say(f"  downtime: {item.downtime}")
    for violation in item.violations:
        state = "is not deployed" if item.base_revision is None else item.summary
        warn(f"{item.ref} {state}: {violation}")
    if not many:
        for text in item.warnings:
            warn(f"{item.ref}: {text}")
        for text in item.notices:
            note(f"note: {item.ref}: {text}")
