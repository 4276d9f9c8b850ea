"""`revstamp stop`: no pods, everything else stays."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.change import change_options, report_change
from generator.cli.output import output_option
from generator.cli.watching import rollout_options


@click.command("stop")
@click.argument("endpoint")
@change_options
@rollout_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, output: str, **values: Any) -> None:
    """Run no pods and hold no GPUs; route, settings and history stay. `scale` starts it again.

    \b
    Examples:
      revstamp stop dev/chat
      revstamp scale dev/chat --min 1 --max 3    # starts it again
    """
    from generator.service.operations import PatchOperation
    from generator.spec.document import Path
    from generator.spec.patch import Patch

    sets: dict[Path, Any] = {("spec", "replicas", "min"): 0, ("spec", "replicas", "max"): 0}
    report_change(folder, PatchOperation(endpoint, Patch(sets), verb="stop"), values, output)
