"""`revstamp environments`: what there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from generator.cli.output import output_option, print_json, print_table, say
from generator.cli.params import EnvironmentName

if TYPE_CHECKING:
    from generator.service.fleet import Fleet
    from generator.service.inventory import EndpointLine, EnvironmentLine

_ROWS_AT_ONCE = 500
"""Endpoints of one table; a longer list is printed in parts, so that its beginning is there at once."""


@click.command("environments")
@click.argument("environment", required=False, type=EnvironmentName())
@click.option("--endpoints", is_flag=True, help="The endpoints of all environments.")
@click.option("--rev", metavar="REV", help="As a commit has it, not the work tree.")
@output_option
@click.pass_obj
def command(folder: str, /, environment: str | None, endpoints: bool, rev: str | None, output: str) -> None:
    """List environments; with ENVIRONMENT, or --endpoints, the endpoints in them.

    All from the files, edits included: model, route, revision, replicas, the GPUs that the least number of replicas
    holds, and whether the manifests are what the file says. A file that cannot be read is a line of the list.

    \b
    Examples:
      revstamp environments
      revstamp environments prod
      revstamp environments --endpoints --output json
      revstamp environments prod --rev HEAD~5
    """
    from generator.service.committed_files import fleet_at
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    workspace = Workspace.open(folder, load_settings())
    fleet = workspace.fleet if rev is None else fleet_at(workspace.snapshot(rev))
    if environment is None and not endpoints:
        _report_environments(fleet, output)
        return
    names = (environment,) if environment is not None else fleet.environment_names()
    if environment is not None and environment not in fleet.environment_names():
        fleet.environment(environment)
    _report_endpoints(fleet, names, output)


def _report_environments(fleet: Fleet, output: str) -> None:
    from generator.service.inventory import list_endpoints, summarize_environment

    found = [summarize_environment(fleet, name, list_endpoints(fleet, name)) for name in fleet.environment_names()]
    if output == "json":
        print_json([item.to_dict() for item in found])
    elif not found:
        say("no environments: add environments/NAME/environment.yaml")
    else:
        columns = ("environment", "namespace", "cluster", "endpoints", "deployed", "GPUs held", "policies")
        print_table(columns, [_environment_row(item) for item in found])


def _environment_row(item: EnvironmentLine) -> tuple[str, ...]:
    counts = (str(item.endpoints), str(item.deployed))
    if item.problem:
        return (item.name, "–", "–", *counts, "–", f"file cannot be read: {item.problem}")
    held = f"{item.gpus_held} of {item.gpus}" if item.gpus else str(item.gpus_held)
    return (item.name, item.namespace, item.cluster, *counts, held, ", ".join(item.policies))


def _report_endpoints(fleet: Fleet, names: tuple[str, ...], output: str) -> None:
    from generator.service.inventory import list_endpoints

    lines = (line for name in names for line in list_endpoints(fleet, name))
    if output == "json":
        print_json([line.to_dict() for line in lines])
        return
    columns = ("endpoint", "model", "framework", "route", "revision", "pods", "replicas", "GPUs held", "state")
    count = 0
    while rows := list(islice(_rows(lines), _ROWS_AT_ONCE)):
        print_table(columns, rows)
        count += len(rows)
    say(f"{count} endpoints in {', '.join(names) or 'no environment'}")


def _rows(lines: Iterator[EndpointLine]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        replicas = "–" if line.min_replicas is None else f"{line.min_replicas}–{line.max_replicas}"
        yield (
            str(line.ref),
            f"{line.model} {line.version}".strip() or "–",
            line.framework or "–",
            line.route or "–",
            f"r{line.revision}" if line.revision else "–",
            f"r{line.pod_revision}" if line.pod_revision else "–",
            replicas,
            str(line.gpus_held),
            f"{line.state}: {line.reason}" if line.reason else line.state,
        )
