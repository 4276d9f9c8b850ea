"""`revstamp read-status`: what clusters show becomes verdicts in the ledger."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.background import branch_options, log_option, run_background
from generator.cli.cluster_options import cluster_options


@click.command("read-status")
@branch_options
@log_option
@click.option(
    "--apply-limit",
    type=click.FloatRange(min=1),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a commit may wait for whoever applies it.",
)
@cluster_options
@click.pass_obj
def command(folder: str, /, **values: Any) -> None:
    """Watch the environments' clusters and settle redeployments by what they show; ends on SIGTERM or SIGINT.

    Whoever applies the commits: revstamp's reconciler, Argo CD or Flux. It writes the platform's rows too, and only
    reads from clusters. Any number may run: one works at a time, the others stand by.

    \b
    Examples:
      revstamp read-status
      revstamp read-status --kubeconfig ~/.kube/prod --output json
    """
    run_background(folder, values, ("reader",))
