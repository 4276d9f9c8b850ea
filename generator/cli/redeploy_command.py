"""`revstamp redeploy`: new pods for one endpoint, with or without changes."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.change import change_options, report_change
from generator.cli.fields import field_options, read_fields
from generator.cli.output import output_option
from generator.cli.watching import rollout_options


@click.command("redeploy")
@click.argument("endpoint")
@click.option(
    "--request",
    "request_file",
    type=click.File("rb"),
    metavar="FILE",
    help="A redeploy request of the platform as JSON; - reads standard input.",
)
@field_options
@change_options
@rollout_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoint: str, request_file: Any, output: str, **values: Any) -> None:
    """Replace an endpoint's pods in place, with or without changes.

    ENDPOINT is a name, an id, or ENVIRONMENT/NAME. Fields that are not given stay as they are in the endpoint's file
    at the tip of the branch. Everything is checked first: what is refused touches nothing.

    \b
    Examples:
      revstamp redeploy svc-c48311a09cf4
      revstamp redeploy prod/chat --memory-limit 48Gi --cpu-request 6 --reason "longer answers"
      revstamp redeploy prod/chat --clear cpu-limit --dry-run
      echo '{"memoryLimit": "48Gi"}' | revstamp redeploy prod/chat --request - --output json
      revstamp redeploy prod/chat --image registry.example/vllm:0.9.1 --branch bump-vllm
    """
    from generator.service.operations import PatchOperation
    from generator.spec.request import MAX_REQUEST_BYTES, load_request

    patch = read_fields(values)
    body = None
    if request_file is not None:
        content = request_file.read(MAX_REQUEST_BYTES + 1)
        body = load_request(content)
    operation = PatchOperation(endpoint, patch, body, restart=True)
    report_change(folder, operation, values, output)
