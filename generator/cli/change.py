"""What all commands that change one endpoint have in common: who, why, where to, and how the result is told.

Owns: these options and this report. Refuses: which operation it is.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from generator.cli.ledger import is_recorded
from generator.cli.output import note, print_json, say, use_color, warn
from generator.cli.watching import Watched, watch_rollout

if TYPE_CHECKING:
    from generator.service.commit import Author
    from generator.service.operations import Operation
    from generator.service.plan import EndpointPlan
    from generator.service.workspace import Committed, Workspace
    from generator.settings import Settings

_GO_ON = "the commit is made; correct that, and the next command goes on"
_PULL = "git pull --rebase, when your own work is committed"
F = TypeVar("F", bound=Callable[..., Any])


def change_options(function: F) -> F:
    """Adds `--reason`, `--actor`, `--request-id`, `--branch` and `--dry-run` to a command."""
    options = (
        click.option("--reason", default="", help="Why; it stands in the commit."),
        click.option("--actor", metavar="'NAME <EMAIL>'", help="Who asks.  [default: git's user]"),
        click.option(
            "--request-id", metavar="ID", help="Carried out once, however often it is sent.  [default: random]"
        ),
        click.option("--branch", metavar="NAME", help="Commit on this branch, for a pull request."),
        click.option("--dry-run", is_flag=True, help="Only show what would happen; nothing is touched."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def read_author(values: Mapping[str, Any], settings: Settings) -> Author:
    """Who asks, by the options, the settings, or git."""
    from generator.errors import InvalidInput
    from generator.gitops.identity import Actor
    from generator.service.commit import Author

    text = values.get("actor") or settings.actor
    actor = None
    if text:
        name, _, rest = text.partition("<")
        if not name.strip() or not rest.rstrip().endswith(">"):
            raise InvalidInput(f"{text!r} is not an author", hint="write 'Name <name@example.com>'")
        actor = Actor(name.strip(), rest.rstrip()[:-1].strip())
    reason = (values.get("reason") or "").replace("\r\n", "\n")
    return Author(values.get("request_id") or str(uuid.uuid4()), actor, reason)


def report_change(folder: str, operation: Operation, values: Mapping[str, Any], output: str) -> None:
    """Carry the operation out, or only plan it, and tell what came of it."""
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    author = read_author(values, settings)
    if values.get("dry_run"):
        plan = workspace.plan_operation(operation, author, values.get("branch"))
        print_plan(plan, output, state="planned")
        return
    carry_out(workspace, operation, author, values, output)


def carry_out(
    workspace: Workspace, operation: Operation, author: Author, values: Mapping[str, Any], output: str
) -> Committed | None:
    """Carry the operation out, through the ledger where there is one (then None), and tell what came of it."""
    if is_recorded(workspace, operation):
        from generator.cli.ledger_change import report_recorded

        report_recorded(workspace, lambda service, asker: service.carry_out(operation, asker), values, output)
        return None
    done = workspace.commit_operation(operation, author, values.get("branch"))
    report_committed(workspace, operation.verb, author, done, output, values)
    return done


def report_committed(
    workspace: Workspace, verb: str, author: Author, done: Committed, output: str, values: Mapping[str, Any]
) -> None:
    """Tell what came of an operation that was carried out, and with `--wait` how its rollout ends."""
    state = state_of(done)
    if output != "json":
        _tell_committed(workspace, verb, done, state)
    tell_follow_up(done)
    watched = _wait(workspace, done, values, output) if values.get("wait") else None
    if output == "json":
        body = done.plan.to_dict() if done.plan else {}
        rollouts = watched.to_dict() if watched else {}
        print_json({"state": state, "requestId": author.request_id, **body, **commit_fields(done), **rollouts})
    if watched is not None:
        watched.require_healthy()
        if output != "json":
            say(f"{watched.name} is healthy")


def _wait(workspace: Workspace, done: Committed, values: Mapping[str, Any], output: str) -> Watched | None:
    plan, commit = done.plan, done.result.commit
    stamp = plan.stamp if plan is not None else None
    if commit is None or plan is None or stamp is None or stamp.deleted or done.branch != workspace.delivery_branch:
        note("there is no rollout to wait for")
        return None
    return watch_rollout(str(workspace.root), str(plan.ref), commit, values, hidden=output == "json")


def _tell_committed(workspace: Workspace, verb: str, done: Committed, state: str) -> None:
    plan, result = done.plan, done.result
    if plan is not None:
        print_plan(plan, "text", state=state)
    if result.commit is None:
        say("nothing to commit" if state == "unchanged" else f"{verb}: {state}, there is nothing to deploy")
        return
    say(f"committed {result.commit[:10]} on {done.branch}{pushed_words(workspace, done)}")
    if plan is None:
        say("this request had been carried out before; nothing was done again")


def state_of(done: Committed) -> str:
    """The redeployment's state, as far as git knows it."""
    if done.result.commit is not None:
        return "committed"
    return "healthy" if done.plan is not None and done.plan.outcome == "external" else "unchanged"


def commit_fields(done: Committed) -> dict[str, Any]:
    """The commit's side of the JSON result."""
    return {
        "commit": done.result.commit,
        "branch": done.branch,
        "pushed": done.result.pushed and done.result.commit is not None,
        "link": done.result.link,
        "leftAlone": list(done.sync.left_alone),
        "writtenAnew": list(done.hand_edited.restored),
    }


def pushed_words(workspace: Workspace, done: Committed) -> str:
    """Where the commit went."""
    remote = workspace.clone.remote()
    return f", pushed to {remote.label}" if remote and done.result.pushed else ""


def tell_follow_up(done: Committed) -> None:
    """What the person should know or do next, on standard error."""
    if done.result.link:
        note(f"open a pull request: {done.result.link}")
    if done.hand_edited.restored:
        warn("written anew, since only revstamp writes them: " + _few(done.hand_edited.restored))
        note("  hint: put what you wanted into the endpoint's file, its environment or a template")
    if done.hand_edited.foreign:
        warn("not committed, since only revstamp writes there: " + _few(done.hand_edited.foreign))
    if done.sync.left_alone:
        warn("left alone, since they hold other changes: " + _few(done.sync.left_alone))
    if done.sync.reason:
        warn(f"this clone was not brought to the new commit: {done.sync.reason}")
        note("  hint: " + (_GO_ON if done.sync.unfinished else _PULL))


def _few(paths: tuple[str, ...]) -> str:
    return ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def print_plan(plan: EndpointPlan, output: str, *, state: str) -> None:
    """A plan: what changes, what it means for what runs, and what to look at."""
    if output == "json":
        print_json({"state": state, **plan.to_dict()})
        return
    if plan.diff is not None:
        from generator.render.report import diff_text

        say(diff_text(plan.diff, color=use_color(sys.stdout)).rstrip("\n"))
        if plan.downtime:
            say(f"  downtime: {plan.downtime}")
    for text in plan.warnings:
        warn(text)
    for text in plan.notices:
        note(f"note: {text}")
