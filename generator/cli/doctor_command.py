"""`revstamp doctor`: what is wrong with machine, clone, repository and clusters, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import output_option, print_json, say, use_color

if TYPE_CHECKING:
    from generator.service.finding import Finding
    from generator.settings import Settings

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failure": ("✗", "red")}
_SHOWN_DETAILS = 5


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask neither the remote nor clusters.")
@click.option("--all", "everything", is_flag=True, help="Render every endpoint, not a sample of 500.")
@click.option("--environment", "-e", "environments", multiple=True, metavar="NAME", help="Only the clusters of these.")
@cluster_options
@output_option
@click.pass_obj
def command(folder: str, /, offline: bool, everything: bool, output: str, **values: Any) -> None:
    """Look over machine, clone, repository and clusters; say what is wrong and what to do about it.

    ✓ is right, ! is worth a look, ✗ stands in the way. Exit code 1 where there is any ✗. Nothing is changed.

    \b
    Examples:
      revstamp doctor
      revstamp doctor --offline --all
      revstamp doctor -e prod --context eu-1
      revstamp doctor --output json
    """
    from generator.errors import CheckFailed
    from generator.settings import load_settings

    found: list[Finding] = []
    for finding in _examine(folder, load_settings(), values, offline=offline, everything=everything):
        found.append(finding)
        if output == "text":
            print_finding(finding)
    if output == "json":
        print_json([finding.to_dict() for finding in found])
    failed = [finding for finding in found if finding.verdict == "failure"]
    if failed:
        names = ", ".join(dict.fromkeys(finding.check for finding in failed))
        raise CheckFailed(f"{len(failed)} of {len(found)} checks failed: {names}", hint="see the lines with ✗")


def _examine(
    folder: str, settings: Settings, values: dict[str, Any], *, offline: bool, everything: bool
) -> Iterator[Finding]:
    """All findings: those of the repository, then those of the clusters that it names."""
    from generator.errors import RevstampError
    from generator.service.doctor import examine
    from generator.service.workspace import Workspace

    yield from examine(Path(folder), settings, offline=offline, everything=everything)
    if offline:
        return
    try:
        fleet = Workspace.open(folder, settings).fleet
        _ = fleet.settings
    except RevstampError:
        return  # a finding already
    from generator.cli.cluster_options import open_named_cluster
    from generator.reconciler.doctor_cluster import examine_clusters

    yield from examine_clusters(
        fleet,
        lambda name: open_named_cluster(name, settings, values),
        values["environments"],
        is_asked_for=bool(values["kubeconfig"] or values["context"]),
    )


def print_finding(finding: Finding) -> None:
    """A finding as a line with its mark, then cases and what to do."""
    mark, color = _MARKS[finding.verdict]
    shown = click.style(mark, fg=color, bold=True) if use_color(sys.stdout) else mark
    say(f"{shown} {finding.check}: {finding.message}")
    for detail in finding.details[:_SHOWN_DETAILS]:
        say(f"    {detail}")
    if len(finding.details) > _SHOWN_DETAILS:
        say(f"    and {len(finding.details) - _SHOWN_DETAILS} more")
    if finding.fix:
        say(f"    → {finding.fix}")
    sys.stdout.flush()
