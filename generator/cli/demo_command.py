"""`revstamp demo`: the main job on the shipped example."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from generator.cli.output import say, use_color

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
def command(keep: Path | None) -> None:
    """Run the main job on the shipped example, in a temporary folder; nothing else is touched.

    \b
    Examples:
      revstamp demo
      revstamp demo --keep /tmp/gitops
    """
    from generator.errors import AlreadyExists

    if keep is not None and keep.exists():
        raise AlreadyExists(f"{keep} is there already", hint="choose a folder that is not there yet")
    with (
        _demo_author(),
        tempfile.TemporaryDirectory(prefix="revstamp-demo-") if keep is None else nullcontext(str(keep)) as top,
    ):
        folder = Path(top) / "gitops" if keep is None else keep
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
    from generator.cli.main import run
    from generator.errors import InternalError

    color = use_color(sys.stdout)
    say("\n" + click.style(f"{number}. {title}", bold=True) if color else f"\n{number}. {title}")
    if line == "diff":
        _edit(folder)
    shown = line.format(folder="gitops", out="out")
    say(click.style(f"$ revstamp {shown}", fg="cyan") if color else f"$ revstamp {shown}")
    sys.stdout.flush()
    rendered = folder.parent / f"{folder.name}-rendered"
    words = shlex.split(line.format(folder=shlex.quote(str(folder)), out=shlex.quote(str(rendered))))
    code = run(words if words[0] == "init" else ["-C", str(folder), *words])
    if code != 0:
        raise InternalError(f"step {number} of the demo ended with {code}")
    if words[0] == "render":
        _print_rendered(rendered)


def _edit(folder: Path) -> None:
    """What a person would do in an editor."""
    path = folder / "environments" / "prod" / "endpoints" / "chat.yaml"
    text = path.read_text()
    path.write_text(text.replace("max_input_tokens: 8192", "max_input_tokens: 16384"))
    say("  (prod/endpoints/chat.yaml: max_input_tokens 8192 becomes 16384)")


def _print_rendered(rendered: Path) -> None:
    import shutil

    files = sorted(rendered.rglob("*.yaml"))
    say("  " + "  ".join(path.name for path in files))
    lines = (rendered / "stg" / "chat" / "deployment.yaml").read_text().splitlines()
    for line in lines[:24]:
        say(f"  {line}")
    say(f"  … {len(lines) - 24} more lines")
    shutil.rmtree(rendered)
