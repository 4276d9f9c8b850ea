"""`revstamp scale`: another number of replicas, without touching a pod that stays."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.change import change_options, report_change
from generator.cli.output import output_option
from generator.cli.watching import rollout_options


@click.command("scale")
@click.argument("endpoint")
@click.option("--min", "least", type=click.IntRange(0), help="Least number of replicas.")
@click.option("--max", "most", type=click.IntRange(0), help="Greatest number of replicas.")
@click.option("--replicas", type=click.IntRange(0), help="A fixed number: both bounds at once.")
@change_options
@rollout_options
@output_option
@click.pass_obj
def command(
    folder: str, /, endpoint: str, least: int | None, most: int | None, replicas: int | None, output: str, **values: Any
) -> None:
    """Change the number of replicas. Pods that stay are not restarted, except in KServe's Knative mode.

    \b
    Examples:
      revstamp scale prod/chat --min 2 --max 6
      revstamp scale prod/chat --replicas 3 --reason "launch day"
    """
    from generator.service.operations import PatchOperation
    from generator.spec.document import Path
    from generator.spec.patch import Patch

    if replicas is not None:
        if least is not None or most is not None:
            raise click.UsageError("give --replicas, or --min and --max")
        least = most = replicas
    if least is None and most is None:
        raise click.UsageError("say how many: --min, --max or --replicas")
    given = {"min": least, "max": most}
    sets: dict[Path, Any] = {("spec", "replicas", bound): value for bound, value in given.items() if value is not None}
    labels: dict[Path, str] = {path: f"--{path[-1]}" for path in sets}
    report_change(folder, PatchOperation(endpoint, Patch(sets, labels=labels), verb="scale"), values, output)
