"""`revstamp init`: a new GitOps repository."""

from __future__ import annotations

from pathlib import Path

import click

from generator.cli.output import output_option, print_json, say, warn


@click.command("init")
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--environment", "environments", multiple=True, metavar="NAME", help="Repeatable.  [default: dev stg prod]"
)
@click.option(
    "--shards",
    type=click.Choice(["16", "256", "4096"]),
    default="16",
    show_default=True,
    help="256 from some ten thousand endpoints on; fixed afterwards.",
)
@click.option(
    "--branch",
    metavar="NAME",
    help="The branch where what is deployed stands.  [default: the clone's, main in a new repository]",
)
@click.option("--example", is_flag=True, help="With the endpoints of the shipped example.")
@output_option
@click.pass_obj
def command(
    folder: str,
    /,
    target: Path,
    environments: tuple[str, ...],
    shards: str,
    branch: str | None,
    example: bool,
    output: str,
) -> None:
    """Make a GitOps repository with environments to edit, and commit it.

    \b
    Examples:
      revstamp init gitops
      revstamp init gitops --environment staging --environment production
      revstamp init big --shards 256
    """
    import uuid

    from generator.gitops.paths import check_branch
    from generator.service.commit import Author
    from generator.service.initialise import InitRequest, initialise_repository
    from generator.settings import load_settings
    from generator.spec.environment import check_environment_name

    for name in environments:
        check_environment_name(name)
    place = Path(folder) / target
    if branch is not None:
        check_branch(branch)
    request = InitRequest(environments, int(shards), branch or "", example)
    done = initialise_repository(
        place, request, Author(str(uuid.uuid4()), reason="a new GitOps repository"), load_settings()
    )
    names = sorted(path.parent.name for path in (place / "environments").glob("*/environment.yaml"))
    if output == "json":
        commit = {"commit": done.committed.result.commit, "committedOn": done.committed.branch}
        print_json({"folder": str(place), "branch": done.branch, "environments": names, **commit})
        return
    say(f"made {place} on {done.committed.branch}: environments {', '.join(names)}")
    if done.branch != done.committed.branch:
        warn(f"{done.committed.branch} is checked out, but what is deployed stands on {done.branch}: merge it there")
    say("next: look through environments/*/environment.yaml, then `revstamp new` or `revstamp import`")
