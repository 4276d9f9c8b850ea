"""`revstamp adopt`: take over what another tool made, without losing a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import note, output_option, print_json, print_table, say, warn
from generator.cli.params import EndpointName

if TYPE_CHECKING:
    from generator.cluster.changes import ObjectChange


@click.command("adopt")
@click.argument("endpoint", type=EndpointName())
@click.option("--yes", is_flag=True, help="Do what the plan says.")
@click.option("--rev", default="HEAD", show_default=True, metavar="REV", help="The commit whose manifests are applied.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the new pods may take, before a Service gets its final port.",
)
@cluster_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, yes: bool, rev: str, output: str, **values: Any) -> None:
    """Show how objects that another tool made would become revstamp's; with --yes, do it.

    A Deployment whose selector cannot be changed is deleted without its pods; the new one adopts them and rolls them
    like any other, so that none is missed and no second set of GPUs is needed. The other objects are taken over in
    place. Cut off at any moment, the same command goes on.

    \b
    Examples:
      revstamp adopt prod/svc-c48311a09cf4
      revstamp adopt prod/svc-c48311a09cf4 --yes
    """
    from generator.cli.target import find_target
    from generator.cluster.adopt import adopt
    from generator.cluster.adoption_plan import plan_adoption
    from generator.errors import ApplyIncomplete, NotFound

    target = find_target(folder, rev, (endpoint,))
    wanted = target.desired.read(target.name)
    if not wanted.bodies:
        raise NotFound(f"{wanted.ref} deploys nothing at {rev}", hint="run `revstamp commit` first")
    quiet = output == "json"
    with target.open_cluster(values) as cluster:
        plan = plan_adoption(cluster, wanted.bodies)
        if not quiet:
            print_table(
                ("object", "step", "why"), [(str(step.ref), step.step.value, step.words) for step in plan.steps]
            )
        done: tuple[ObjectChange, ...] = ()
        if yes:
            done = adopt(
                cluster,
                wanted.bodies,
                plan,
                rollout_seconds=values["timeout"],
                tell=lambda change: None if quiet else (warn if change.error else say)(str(change)),
            )
    if quiet:
        steps, changes = [step.to_dict() for step in plan.steps], [change.to_dict() for change in done]
        print_json(
            {"endpoint": wanted.ref.name, "environment": wanted.ref.environment, "steps": steps, "objects": changes}
        )
    elif plan.is_done:
        say("nothing is left to adopt")
    elif not yes:
        note("nothing was changed; --yes does it")
    failed = [change for change in done if change.error]
    if failed:
        raise ApplyIncomplete("; ".join(str(change) for change in failed))
