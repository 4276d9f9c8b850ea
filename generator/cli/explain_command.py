"""`revstamp explain`: where each value comes from, and where it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from generator.cli.output import output_option, print_json, print_table, say, warn
from generator.cli.params import EndpointName

if TYPE_CHECKING:
    from generator.service.explain import ExplainedField, Explanation

_SHOWN_LINES = 3
_SHOWN_CHARACTERS = 40
_SHOWN_PATH = 44


@click.command("explain")
@click.argument("subject", metavar="ENDPOINT|REDEPLOYMENT", type=EndpointName())
@click.argument("field", required=False)
@click.option("--rev", metavar="REV", help="As a commit has it, not the work tree.")
@output_option
@click.pass_obj
def command(folder: str, /, subject: str, field: str | None, rev: str | None, output: str) -> None:
    """Say where each value of an endpoint comes from and ends, or how a redeployment went.

    ENDPOINT is a name, an id, or ENVIRONMENT/NAME; REDEPLOYMENT a number of the ledger: did the request arrive, did
    validation pass, what was decided, committed, applied, what does the cluster say, what now.

    FIELD is a path in the endpoint's file, a flag's name, or a field of the platform; `memory` means all below it.
    Without FIELD: all that have a value. Found by rendering with another value in its place, so it holds for templates
    of your own.

    \b
    Examples:
      revstamp explain prod/chat
      revstamp explain prod/chat memory.limit
      revstamp explain 17
      revstamp explain prod/chat max-input-tokens
      revstamp explain prod/chat deploymentSpec --rev HEAD~3 --output json
    """
    from generator.errors import Refused
    from generator.service.committed_files import fleet_at
    from generator.service.explain import explain_endpoint
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    if subject.isdecimal():
        _explain_redeployment(folder, subject, output)
        return
    workspace = Workspace.open(folder, load_settings())
    fleet = workspace.fleet if rev is None else fleet_at(workspace.snapshot(rev))
    ref = fleet.find_endpoint(subject)
    explanation = explain_endpoint(fleet, ref, field, _flag_names())
    if output == "json":
        print_json([item.to_dict() for item in explanation.fields])
    else:
        _print_fields(explanation, in_full=field is not None)
    if not explanation.is_resolved:
        raise Refused(f"{ref} cannot be resolved: a value is missing", violations=explanation.violations)
    for violation in explanation.violations:
        warn(f"{ref} cannot be deployed: {violation}")


def _explain_redeployment(folder: str, number: str, output: str) -> None:
    from generator.cli.ledger import open_ledger_of
    from generator.service.questions import answer_all
    from generator.store.endpoints import EndpointStates

    with open_ledger_of(folder) as service:
        row = service.queries.find(number)
        state = EndpointStates(service.ledger.database).find(row.environment, row.endpoint)
        answers = answer_all(row, service.queries.events(row.id), state)
    if output == "json":
        print_json({"redeployment": row.to_dict(), "answers": [answer.to_dict() for answer in answers]})
        return
    for answer in answers:
        say(f"{answer.question} {answer.answer}".rstrip())
        for line in answer.details:
            say(f"  {line}")


def _flag_names() -> dict[str, str]:
    """What a flag's name is in the endpoint's file."""
    from generator.cli.fields import NUMBER_FLAGS, TEXT_FLAGS

    flags = {**TEXT_FLAGS, **NUMBER_FLAGS}
    names = {name: ".".join(str(part) for part in path[1:]) for name, (path, _) in flags.items()}
    return {**names, "use-gpu": "deployment.use_gpu"}


def _print_fields(explanation: Explanation, *, in_full: bool) -> None:
    """Files are named from their environment's folder and from the endpoint's manifests folder."""
    base, folder = f"environments/{explanation.ref.environment}/", _manifests_folder(explanation.fields)
    rows = [
        (
            item.name,
            _show_value(item.value, in_full),
            str(item.origin).replace(base, ""),
            _show_lines(item, folder, in_full),
        )
        for item in explanation.fields
    ]
    print_table(("field", "value", "comes from", "ends in"), rows, title=str(explanation.ref))
    say(f"Sources are in {base}" + (f", manifests in {folder}" if folder else ""))


def _manifests_folder(fields: tuple[ExplainedField, ...]) -> str:
    return next((f"{line.file.rpartition('/')[0]}/" for item in fields for line in item.manifests), "")


def _show_value(value: Any, in_full: bool) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if in_full or len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _show_lines(item: ExplainedField, folder: str, in_full: bool) -> str:
    lines = [
        f"{line.file.removeprefix(folder)}:{line.line} {line.path if in_full else _shorten(line.path)}".rstrip()
        for line in item.manifests
    ]
    if not in_full and len(lines) > _SHOWN_LINES:
        lines = [*lines[:_SHOWN_LINES], f"and {len(lines) - _SHOWN_LINES} more"]
    return "\n".join((*((item.effect,) if item.effect else ()), *lines))


def _shorten(path: str) -> str:
    """The end of a path, which tells more than its beginning."""
    if len(path) <= _SHOWN_PATH:
        return path
    tail = path[-_SHOWN_PATH:]
    return "…" + tail[tail.find(".") :] if "." in tail else f"…{tail}"
