"""What every command prints: results as text or JSON on standard output, diagnostics on standard error.

Owns: the `--output` option, colours, tables, errors. Refuses: what is being said.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from generator.errors import RevstampError

_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")
F = TypeVar("F", bound=Callable[..., Any])


def output_option(function: F) -> F:
    """Adds `--output text|json` to a command as the parameter `output`."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people, or one JSON document on standard output.",
    )
    return option(function)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def say(text: str = "") -> None:
    """A line of the result."""
    click.echo(_printable(text), color=use_color(sys.stdout))


def note(text: str) -> None:
    """A diagnostic line on standard error."""
    click.echo(_printable(text), err=True, color=use_color(sys.stderr))


def warn(text: str) -> None:
    """A warning on standard error."""
    mark = click.style("warning:", fg="yellow", bold=True) if use_color(sys.stderr) else "warning:"
    click.echo(f"{mark} {_printable(text)}", err=True, color=use_color(sys.stderr))


def use_color(stream: Any) -> bool:
    """Whether to colour: a terminal, and nobody objects (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(getattr(stream, "isatty", lambda: False)())


def print_error(error: RevstampError, *, as_json: bool) -> None:
    """An error on standard error, with every violation, the hint, and whether trying again helps."""
    if as_json:
        click.echo(json.dumps(error.to_dict(), ensure_ascii=False, indent=2), err=True)
        return
    mark = click.style("error:", fg="red", bold=True) if use_color(sys.stderr) else "error:"
    click.echo(f"{mark} {_printable(error.message)}", err=True, color=use_color(sys.stderr))
    for violation in error.violations:
        click.echo(f"  {_printable(str(violation))}", err=True)
    if error.hint and not any(violation.fix and violation.fix in error.hint for violation in error.violations):
        click.echo(f"  hint: {_printable(error.hint)}", err=True)
    if error.retryable:
        click.echo("  trying again may help", err=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """A table on standard output; without a terminal as wide as its content."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text.from_ansi(_printable(cell)) for cell in row))
    terminal = sys.stdout.isatty()
    width = None if terminal else 200
    console = Console(width=width, force_terminal=use_color(sys.stdout), highlight=False)
    console.print(table)


def _printable(text: str) -> str:
    """The text without control characters that a terminal would obey; only colours are let through."""
    return "".join(
        part if _COLOR.fullmatch(part) else "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in part)
        for part in _COLOR.split(text)
    )
