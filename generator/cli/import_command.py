"""`revstamp import`: rows of the platform into endpoint files."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.output import output_option, print_json, say, warn
from generator.cli.progress import Progress

MAX_ROWS_BYTES = 256 * 1024 * 1024


@click.command("import")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--overwrite", is_flag=True, help="Replace endpoint files that are there and differ from their row.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@output_option
@click.pass_obj
def command(folder: str, /, file: Any, overwrite: bool, dry_run: bool, output: str) -> None:
    """Turn rows of the platform's tables into endpoint files.

    FILE is JSON: {"models": [...], "endpoints": [...], "deployments": [...]}, columns as in the tables; - reads
    standard input. Endpoints that cannot be deployed yet are brought along. Nothing is committed.

    \b
    Examples:
      revstamp import platform-rows.json
      revstamp import platform-rows.json --dry-run
      psql "$DATABASE" -Atf export.sql | revstamp import - --overwrite
    """
    from generator.errors import CheckFailed
    from generator.service.importing import count_rows, import_rows
    from generator.service.tree import write_file
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    workspace = Workspace.open(folder, load_settings())
    rows = _read_json(file)
    with Progress("reading rows", hidden=output == "json") as progress:
        imported = import_rows(workspace.fleet, rows, file.name, overwrite=overwrite)
        results = list(progress.follow(imported, count_rows(rows)))
    written = [item for item in results if item.outcome == "written"]
    with Progress("writing files", hidden=output == "json") as progress:
        for item in () if dry_run else progress.follow(written, len(written)):
            write_file(workspace.root, item.path, item.content)
    failed = [item for item in results if item.outcome in ("failed", "kept")]
    if output == "json":
        print_json({"endpoints": [item.to_dict() for item in results]})
    else:
        for item in results:
            name = f"{item.environment}/{item.name}" if item.name else item.id
            say(f"{item.outcome:<9}  {name}  {item.path}".rstrip())
            for text in item.warnings:
                warn(f"{name}: {text}")
            for problem in item.problems:
                warn(f"{name}: {problem}")
        say(f"{len(written)} written, {len(results) - len(written)} not" + (" (dry run)" if dry_run else ""))
    if any(item.outcome == "failed" for item in failed):
        count = sum(item.outcome == "failed" for item in failed)
        raise CheckFailed(
            f"{count} of {len(results)} rows could not be imported",
            hint="the others were; correct the rows and run it again",
            violations=[problem for item in failed if item.outcome == "failed" for problem in item.problems],
        )


def _read_json(file: Any) -> Any:
    import json

    from generator.errors import InvalidInput

    content = file.read(MAX_ROWS_BYTES + 1)
    if len(content) > MAX_ROWS_BYTES:
        raise InvalidInput(f"{file.name} is larger than {MAX_ROWS_BYTES // 1024 // 1024} MiB", hint="split it")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file.name} is not JSON: {error}", hint="export the rows as JSON in UTF-8") from None
