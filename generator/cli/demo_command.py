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
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from generator.cli.cluster_options import OPENER
from generator.cli.demo_steps import STEPS, Edit, Step
from generator.cli.output import note, output_option, print_json, say, use_color


@click.command("demo")
@click.option("--keep", type=click.Path(path_type=Path), metavar="FOLDER", help="Keep the repository here.")
@click.option("--exit", "ends", is_flag=True, help="End after the terminal part; serve no page.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Port of the page.  [default: a free one]"
)
@output_option
def command(keep: Path | None, ends: bool, port: int, output: str) -> None:
    """Run the main job on the shipped example, in a temporary folder and a simulated cluster.

    Commit, apply, replaced pods, healthy; a bad revision that fails while the old pods serve; the rollback. Then the
    page over all of it, with endpoints in different states, until Ctrl-C (not with --output json). Nothing else is
    touched, and no Kubernetes is needed.

    \b
    Examples:
      revstamp demo
      revstamp demo --exit
      revstamp demo --keep /tmp/gitops
      revstamp demo --output json | jq '.commits[0].subject'
    """
    from generator.errors import AlreadyExists

    if keep is not None and keep.exists():
        raise AlreadyExists(f"{keep} is there already", hint="choose a folder that is not there yet")
    with (
        _demo_author(),
        _demo_cluster(),
        tempfile.TemporaryDirectory(prefix="revstamp-demo-") if keep is None else nullcontext(str(keep)) as top,
    ):
        folder = Path(top) / "gitops" if keep is None else keep
        if output == "json":
            steps = [_run_quietly(step, folder) for step in STEPS]
            print_json({"folder": None if keep is None else str(keep), "steps": steps, **_result(folder)})
            return
        number = 0
        for step in STEPS:
            number += bool(step.title)
            _show(number, step, folder)
        if keep is not None:
            say(f"\nThe repository is in {keep}.")
        if not ends:
            from generator.cli.demo_page import serve_page

            serve_page(folder, port)


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


@contextmanager
def _demo_cluster() -> Iterator[None]:
    """All clusters are one simulated cluster, which lives as long as the demo."""
    from generator.cluster.simulated import DEFAULT_POOLS, DEMO_TIMES, SimulatedCluster
    from generator.reconciler.fence import FencedCluster

    # Of the largest cards only one node is free, so that something can be seen to wait for them.
    pools = tuple(replace(pool, nodes=1 if pool.name == "h100-80" else pool.nodes) for pool in DEFAULT_POOLS)
    cluster = SimulatedCluster("simulated", times=DEMO_TIMES, pools=pools, strict_namespaces=False)
    token = OPENER.set(lambda _: FencedCluster(cluster, lambda: True))
    try:
        yield
    finally:
        OPENER.reset(token)
        cluster.close()


def _show(number: int, step: Step, folder: Path) -> None:
    color = use_color(sys.stdout)
    if step.title:
        say("\n" + click.style(f"{number}. {step.title}", bold=True) if color else f"\n{number}. {step.title}")
    for edit in step.edits:
        _edit(folder, edit)
        say(f"  ({edit.words})")
    shown = step.line.format(folder="gitops", out="out")
    say(click.style(f"$ revstamp {shown}", fg="cyan") if color else f"$ revstamp {shown}")
    sys.stdout.flush()
    code = _run(step.line, folder)
    if code != step.code:
        note(f"the demo ends here: this step ended with {code}")
        raise click.exceptions.Exit(code or 1)
    if step.line.startswith("render"):
        _print_rendered(_rendered_folder(folder))


def _run_quietly(step: Step, folder: Path) -> dict[str, Any]:
    """The step with its own JSON answer, where it gives one, or the error that it is meant to end with."""
    for edit in step.edits:
        _edit(folder, edit)
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as complained:
        code = _run(f"{step.line} --output json", folder)
    if code != step.code:
        click.echo(complained.getvalue(), err=True, nl=False)
        raise click.exceptions.Exit(code or 1)
    command = f"revstamp {step.line.format(folder='gitops', out='out')}"
    error = {"error": json.loads(complained.getvalue())} if code else {}
    return {"title": step.title, "command": command, "code": code, "answer": json.loads(said.getvalue()), **error}


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


def _edit(folder: Path, edit: Edit) -> None:
    """What a person would do in an editor."""
    path = folder / edit.file
    path.write_text(path.read_text().replace(edit.old, edit.new))


def _print_rendered(rendered: Path) -> None:
    import shutil

    files = sorted(rendered.rglob("*.yaml"))
    say("  " + "  ".join(path.name for path in files))
    lines = (rendered / "stg" / "chat" / "deployment.yaml").read_text().splitlines()
    for line in lines[:24]:
        say(f"  {line}")
    say(f"  … {len(lines) - 24} more lines")
    shutil.rmtree(rendered)
