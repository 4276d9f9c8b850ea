"""Names of endpoints and environments as parameters that the shell can complete.

Owns: what is offered while somebody types. Refuses: judging a name; an unknown one is the command's error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_REPOSITORY_FILE = "revstamp.yaml"
_ENVIRONMENTS = "environments"
_ENDPOINTS = "endpoints"


class EndpointName(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """An endpoint: a name, an id, or `environment/name`. Offers what the work tree has."""

    name = "endpoint"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names of one environment after `environment/`, else all in both forms."""
        from click.shell_completion import CompletionItem

        found = find_endpoints(_start_folder(ctx))
        pairs = [f"{environment}/{name}" for environment, name in found]
        bare = [] if "/" in incomplete else list(dict.fromkeys(name for _, name in found))
        return [CompletionItem(text) for text in (*pairs, *bare) if text.startswith(incomplete)]


class EnvironmentName(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """An environment of the repository."""

    name = "environment"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The folders of the work tree's environments."""
        from click.shell_completion import CompletionItem

        names = (folder.name for folder in _list_environments(_start_folder(ctx)))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def find_endpoints(start: Path) -> list[tuple[str, str]]:
    """Environment and name of every endpoint file, by names of files only: completion must not parse thousands."""
    return [(folder.name, name) for folder in _list_environments(start) for name in _list_names(folder / _ENDPOINTS)]


def _start_folder(ctx: click.Context) -> Path:
    return Path(ctx.find_root().params.get("repository") or ".")


def _list_environments(start: Path) -> list[Path]:
    start = Path(os.path.abspath(start))  # noqa: PTH100  links stay as they were typed
    root = next((folder for folder in (start, *start.parents) if (folder / _REPOSITORY_FILE).is_file()), None)
    if root is None:
        return []
    folders = (root / _ENVIRONMENTS).glob("*/environment.yaml")
    return sorted(file.parent for file in folders)


def _list_names(folder: Path, depth: int = 2) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".yaml"):
            yield entry.name.removesuffix(".yaml")
        elif depth > 1 and entry.is_dir(follow_symlinks=False):
            yield from _list_names(folder / entry.name, depth - 1)
