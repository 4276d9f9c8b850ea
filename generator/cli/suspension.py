"""What `suspend` and `resume` have in common.

Owns: one endpoint or one environment, and the report. Refuses: the change itself (`service.suspension`).
"""

from __future__ import annotations

from typing import Any

import click


def report_suspension(
    folder: str, endpoint: str | None, environment: str | None, values: dict[str, Any], output: str, *, suspend: bool
) -> None:
    """Commit it, and tell what came of it."""
    from generator.cli.change import report_change
    from generator.service.suspension import suspend_endpoint

    if (endpoint is None) == (environment is None):
        raise click.UsageError("give one ENDPOINT, or --environment NAME")
    if endpoint is not None:
        report_change(folder, suspend_endpoint(endpoint, suspend=suspend), values, output)
        return
    _report_environment(folder, str(environment), values, output, suspend=suspend)


def _report_environment(folder: str, environment: str, values: dict[str, Any], output: str, *, suspend: bool) -> None:
    from generator.cli.change import pushed_words, read_author, tell_follow_up
    from generator.cli.output import print_json, say
    from generator.service.suspension import EnvironmentSuspension
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    author, branch = read_author(values, settings), values.get("branch")
    direct = (branch or workspace.clone.branch) == workspace.delivery_branch
    suspension = EnvironmentSuspension(environment, suspend, author, direct)
    word = "suspended" if suspend else "resumed"
    if values.get("dry_run"):
        suspension.build(workspace.read_tip())
        state = "planned" if suspension.changed else "unchanged"
        if output == "json":
            print_json({"state": state, "environment": environment})
        else:
            say(f"{environment} would be {word}" if suspension.changed else f"{environment} is {word} already")
        return
    done = workspace.commit_change(suspension.change(), branch)
    if output == "json":
        from generator.cli.change import commit_fields, state_of

        print_json({"state": state_of(done), "environment": environment, **commit_fields(done)})
    elif done.result.commit is None:
        say(f"{environment} is {word} already")
    else:
        say(f"{environment} is {word}: {done.result.commit[:10]} on {done.branch}{pushed_words(workspace, done)}")
    tell_follow_up(done)
