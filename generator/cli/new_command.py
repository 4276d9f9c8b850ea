"""`revstamp new`: a new endpoint file."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.fields import field_options, read_fields
from generator.cli.output import output_option, print_json, say, warn


@click.command("new")
@click.argument("name")
@click.option("-e", "--environment", required=True, metavar="ENVIRONMENT", help="The environment that it is for.")
@click.option("--model", required=True, metavar="NAME", help="Name of the model; also the name it is served under.")
@click.option("--family", required=True, metavar="FAMILY", help="Family of the model: llama, mistral, …")
@click.option("--owner", metavar="TEAM", help="Who owns it.")
@click.option("--min-replicas", type=click.IntRange(0), help="Least number of replicas.")
@click.option("--max-replicas", type=click.IntRange(0), help="Greatest number of replicas.")
@field_options
@output_option
@click.pass_obj
def command(
    folder: str,
    /,
    name: str,
    environment: str,
    model: str,
    family: str,
    owner: str | None,
    min_replicas: int | None,
    max_replicas: int | None,
    output: str,
    **values: Any,
) -> None:
    """Write the file of a new endpoint. Nothing is committed: look at it, then `revstamp commit`.

    \b
    Examples:
      revstamp new chat -e dev --model llama-3.1-8b --model-version 1.0 --family llama \\
          --storage-uri s3://models/llama-3.1-8b/1.0 --route /llm/chat --job-type SFT --gpus 1
      revstamp new embed -e dev --model bge-m3 --model-version 1.1 --family bert --no-use-gpu \\
          --storage-uri pvc://models/bge-m3 --route /embed/bge-m3 --job-type EMBEDDING
    """
    from generator.service.creation import NewEndpoint, write_endpoint
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    patch = read_fields(values)
    workspace = Workspace.open(folder, load_settings())
    request = NewEndpoint(environment, name, model, family, owner, min_replicas, max_replicas, patch)
    path, violations = write_endpoint(workspace.fleet, workspace.root, request)
    if output == "json":
        print_json({"file": path, "violations": [violation.to_dict() for violation in violations]})
        return
    say(f"wrote {path}")
    for violation in violations:
        warn(f"cannot be deployed yet: {violation}")
    say("next: look at it, then `revstamp commit`")
