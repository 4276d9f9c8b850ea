"""`revstamp install`: what runs the reconciler in a cluster."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.output import output_option, print_json, say


@click.command("install")
@click.option("--export", is_flag=True, required=True, help="Print the objects; nothing is applied.")
@click.option("--environment", "-e", "environments", multiple=True, metavar="NAME", help="Only these.  [default: all]")
@click.option("--namespace", default="revstamp-system", show_default=True, help="Where the reconciler runs.")
@click.option(
    "--image", default="revstamp:VERSION", show_default=True, help="Its image; VERSION stands for this one's."
)
@click.option("--url", help="The remote that it follows.  [default: this clone's]")
@click.option(
    "--git-secret", default="", metavar="NAME", help="Secret with a key `credentials`, as git's store has it."
)
@click.option("--webhook-secret", default="", metavar="NAME", help="Secret with a key `secret`, for the forge's calls.")
@click.option("--replicas", type=click.IntRange(1), default=2, show_default=True, help="Instances; one of them leads.")
@output_option
@click.pass_obj
def command(folder: str, /, environments: tuple[str, ...], output: str, **values: Any) -> None:
    """Print Deployment, ServiceAccounts and rights for the reconciler, and for an API that only reads.

    For the environments of one cluster: the one in which it runs. Rights are given in the environments' namespaces
    only, and to nothing but what is rendered, watched, or its own.

    \b
    Examples:
      revstamp install --export | kubectl apply -f -
      revstamp install --export -e prod --image registry.internal/revstamp:0.1.0 --git-secret gitops
    """
    from generator import __version__
    from generator.errors import InvalidInput
    from generator.reconciler.installation import Installation, Place, list_objects
    from generator.render.canonical import emit_yaml
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    workspace = Workspace.open(folder, load_settings())
    fleet = workspace.fleet
    specs = {name: fleet.environment(name)[0].spec for name in environments or fleet.environment_names()}
    clusters = sorted({spec.cluster for spec in specs.values()})
    if len(clusters) != 1:
        hint = "choose those of one cluster with -e; install once in each cluster"
        raise InvalidInput(f"the environments are in several clusters: {', '.join(clusters)}", hint=hint)
    objects = list_objects(
        Installation(
            namespace=values["namespace"],
            image=values["image"].replace("VERSION", __version__),
            url=values["url"] or _find_url(workspace),
            branch=workspace.delivery_branch,
            cluster=clusters[0],
            places=tuple(Place(name, spec.namespace) for name, spec in specs.items()),
            git_secret=values["git_secret"],
            webhook_secret=values["webhook_secret"],
            replicas=values["replicas"],
        )
    )
    if output == "json":
        print_json({"apiVersion": "v1", "kind": "List", "items": objects})
    else:
        say("---\n".join(emit_yaml(body) for body in objects).rstrip("\n"))


def _find_url(workspace: Any) -> str:
    """The URL of the clone's remote, without credentials. InvalidInput where there is none."""
    from generator.errors import InvalidInput
    from generator.gitops.remote_words import mask_credentials

    remote = workspace.clone.remote()
    if remote is None:
        raise InvalidInput("this clone has no remote to follow", hint="give --url URL")
    url = workspace.repository.read_setting(f"remote.{remote.name_or_url}.url") or remote.name_or_url
    return str(mask_credentials(url))
