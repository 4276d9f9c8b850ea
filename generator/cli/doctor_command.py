"""`revstamp doctor`: what is wrong with this machine, clone and repository, and what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.cli.output import output_option, print_json, say, use_color

if TYPE_CHECKING:
    from generator.service.finding import Finding

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failure": ("✗", "red")}
_SHOWN_DETAILS = 5


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Do not ask the remote.")
@click.option("--all", "everything", is_flag=True, help="Render every endpoint, not a sample of 500.")
@output_option
@click.pass_obj
def command(folder: str, /, offline: bool, everything: bool, output: str) -> None:
    """Look over machine, clone and repository; say what is wrong and what to do about it.

    ✓ is right, ! is worth a look, ✗ stands in the way. Exit code 1 where there is any ✗. Nothing is changed.

    \b
    Examples:
      revstamp doctor
      revstamp doctor --offline --all
      revstamp doctor --output json
    """
    from generator.errors import CheckFailed
    from generator.service.doctor import examine
    from generator.settings import load_settings

    found: list[Finding] = []
    for finding in examine(Path(folder), load_settings(), offline=offline, everything=everything):
        found.append(finding)
        if output == "text":
            _print_finding(finding)
    if output == "json":
        print_json([finding.to_dict() for finding in found])
    failed = [finding for finding in found if finding.verdict == "failure"]
    if failed:
        names = ", ".join(dict.fromkeys(finding.check for finding in failed))
        raise CheckFailed(f"{len(failed)} of {len(found)} checks failed: {names}", hint="see the lines with ✗")


def _print_finding(finding: Finding) -> None:
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
