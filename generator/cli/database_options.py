"""Which database a command means, and how long ago something was.

Owns: `--database`, durations such as `90d`. Refuses: what is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from generator.store.database import Database

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST = timedelta(days=36_500)


class Duration(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """A number with a unit: `90d`, `12h`, `30m`, `45s`, `2w`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time that is meant."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,9})([smhdw])", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no time: give a number with s, m, h, d or w, such as 90d", param, ctx)
        seconds = int(match[1]) * _SECONDS[match[2]]
        return min(timedelta(seconds=seconds), _LONGEST)


def database_option(function: F) -> F:
    """Adds `--database URL` to a command as the parameter `database`."""
    option = click.option(
        "--database",
        metavar="URL",
        help="sqlite:////path/to/ledger.db or postgresql://USER:PASSWORD@HOST:5432/NAME.  [default: the setting "
        "REVSTAMP_DATABASE, else the ledger beside the repository]",
    )
    return option(function)


@contextmanager
def opened_database(url: str | None, folder: str, *, make: bool = False) -> Iterator[Database]:
    """The database that is meant; with `make` also a file that is not there yet.

    InvalidInput where none is named, NotFound where a file is not there.
    """
    from generator.errors import NotFound
    from generator.store.database import Database

    database = Database(url or _find_url(folder))
    if not make and database.file is not None and not database.file.exists():
        raise NotFound(
            f"there is no file {database.file}", hint="correct the URL, or make it with `revstamp db upgrade`"
        )
    try:
        yield database
    finally:
        database.close()


def _find_url(folder: str) -> str:
    from generator.cli.ledger import find_ledger_url
    from generator.errors import InvalidInput, RevstampError
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    if settings.database:
        return settings.database
    try:
        git_dir = Workspace.open(folder, settings).repository.git_dir
    except RevstampError:
        git_dir = None
    url = find_ledger_url(git_dir, settings) if git_dir is not None else None
    if url is None:
        raise InvalidInput("no database is named", hint="give --database URL, or set REVSTAMP_DATABASE")
    return url
