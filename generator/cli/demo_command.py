"""`revstamp demo`: the main job on the shipped example."""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click

from generator.cli.output import note, output_option, print_json, say, use_color

STEPS: tuple[tuple[str, str], ...] = (
    ("A repository with six endpoints in three environments, rendered and committed:", "init {folder} --example"),
    ("What one of them renders to, as Argo CD, Flux or kubectl would apply it:", "render stg/chat --to {out}"),
    ("Somebody edits a file. What would that change, restart and cost?", "diff"),
    ("Edit and rendered files go into one commit, as the next revision:", 'commit -m "longer questions"'),
    ("Nothing to change, only new pods:", 'redeploy prod/chat --reason "weights were replaced"'),
    ("Scaling restarts no pod:", "scale prod/chat --min 3"),
    ("Who, when, why, what:", "log prod/chat"),
    ("What the last two commits changed:", "diff HEAD~2"),
    ("Back again, as a new revision; a preview first:", "rollback prod/chat --to 1 --dry-run"),
    ("Does every committed file say what its sources say?", "verify"),
)


@click.command("demo")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER", help="Keep the repository here.")
@output_option
def command(keep: Path | None, output: str) -> None:
    """Run the main job on the shipped example, in a temporary folder; nothing else is touched.

    \b
    Examples:
      revstamp demo
      revstamp demo --keep /tmp/gitops
      revstamp demo --output json | jq '.commits[0].subject'
    """
    from generator.errors import AlreadyExists

    if keep is not None and keep.exists():
        raise AlreadyExists(f"{keep} is there already", hint="choose a folder that is not there yet")
    with (
        _demo_author(),
        tempfile.TemporaryDirectory(prefix="revstamp-demo-") if keep is None else nullcontext(str(keep)) as top,
    ):
        folder = Path(top) / "gitops" if keep is None else keep
        if output == "json":
            steps = [_run_quietly(title, line, folder) for title, line in STEPS]
            print_json({"folder": None if keep is None else str(keep), "steps": steps, **_result(folder)})
            return
        for number, (title, line) in enumerate(STEPS, 1):
            _show(number, title, line, folder)
        if keep is not None:
            say(f"\nThe repository is in {keep}.")


@contextmanager
def _demo_author() -> Iterator[None]:
    """Commits of the demo are by the demo, not by whoever runs it."""
    before = dict(os.environ)
    for role in ("AUTHOR", "COMMITTER"):
        os.environ.update({f"GIT_{role}_NAME": "revstamp demo", f"GIT_{role}_EMAIL": "demo@localhost"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _show(number: int, title: str, line: str, folder: Path) -> None:
    color = use_color(sys.stdout)
    say("\n" + click.style(f"{number}. {title}", bold=True) if color else f"\n{number}. {title}")
    if line == "diff":
        _edit(folder)
        say("  (prod/endpoints/chat.yaml: max_input_tokens 8192 becomes 16384)")
    shown = line.format(folder="gitops", out="out")
    say(click.style(f"$ revstamp {shown}", fg="cyan") if color else f"$ revstamp {shown}")
    sys.stdout.flush()
    code = _run(line, folder)
    if code != 0:
        note(f"the demo ends here: this step ended with {code}")
        raise click.exceptions.Exit(code)
    if line.startswith("render"):
        _print_rendered(_rendered_folder(folder))


def _run_quietly(title: str, line: str, folder: Path) -> dict[str, Any]:
    """The step with its own JSON answer, where it gives one."""
    if line == "diff":
        _edit(folder)
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as complained:
        code = _run(f"{line} --output json", folder)
    if code != 0:
        click.echo(complained.getvalue(), err=True, nl=False)
        raise click.exceptions.Exit(code)
    command = f"revstamp {line.format(folder='gitops', out='out')}"
    return {"title": title, "command": command, "answer": json.loads(said.getvalue())}


def _run(line: str, folder: Path) -> int:
    from generator.cli.main import run

    out = shlex.quote(str(_rendered_folder(folder)))
    words = shlex.split(line.format(folder=shlex.quote(str(folder)), out=out))
    return run(words if words[0] == "init" else ["-C", str(folder), *words])


def _result(folder: Path) -> dict[str, Any]:
    """What the demo left: its commits, the newest first, and the revision of every endpoint."""
    from generator.service.check import find_refs
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    workspace = Workspace.open(folder, load_settings())
    commits = [{"commit": item.id, "subject": item.subject} for item in workspace.repository.commits()]
    stamps = {str(ref): workspace.fleet.stamp(ref) for ref in find_refs(workspace.fleet)}
    return {"commits": commits, "revisions": {name: stamp.revision for name, stamp in stamps.items() if stamp}}


def _rendered_folder(folder: Path) -> Path:
    return folder.parent / f"{folder.name}-rendered"


def _edit(folder: Path) -> None:
    """What a person would do in an editor."""
    path = folder / "environments" / "prod" / "endpoints" / "chat.yaml"
    text = path.read_text()
    path.write_text(text.replace("max_input_tokens: 8192", "max_input_tokens: 16384"))


def _print_rendered(rendered: Path) -> None:
    import shutil

    files = sorted(rendered.rglob("*.yaml"))
    say("  " + "  ".join(path.name for path in files))
    lines = (rendered / "stg" / "chat" / "deployment.yaml").read_text().splitlines()
    for line in lines[:24]:
        say(f"  {line}")
    say(f"  … {len(lines) - 24} more lines")
    shutil.rmtree(rendered)
