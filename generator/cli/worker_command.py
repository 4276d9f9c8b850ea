"""`revstamp worker`: commits what is accepted, and follows what comes onto the branch."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.background import branch_options, log_option, run_background


@click.command("worker")
@branch_options
@log_option
@click.pass_obj
def command(folder: str, /, **values: Any) -> None:
    """Carry accepted redeployments to git, and record what others commit; ends on SIGTERM or SIGINT.

    Any number may run: one works at a time, the others stand by. What was cut off by a crash goes on. It also rolls
    back what failed where an environment's policies.automaticRollback asks for it. Without REVSTAMP_DATABASE the ledger
    is a file in the git directory.

    \b
    Examples:
      revstamp worker
      revstamp worker --url https://git.example.com/team/gitops.git --mirror /var/lib/revstamp/mirror
    """
    run_background(folder, values, ("worker",))
