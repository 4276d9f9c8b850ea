"""`revstamp schema`: the JSON Schema of a file format."""

from __future__ import annotations

import click

from generator.cli.output import output_option, print_json


@click.command("schema")
@click.argument("kind", type=click.Choice(["endpoint", "environment", "repository", "stamp"]))
@output_option
def command(kind: str, **_: str) -> None:
    """Print the JSON Schema of a file format; text and JSON are the same here.

    Editors with a YAML language server use it for completion and checks; files made by revstamp carry the hint for it.

    \b
    Examples:
      revstamp schema endpoint > endpoint.schema.json
      revstamp schema environment
    """
    from generator.spec.json_schema import file_schema

    print_json(file_schema(kind))
