"""The templates and example environments that come with revstamp.

Owns: where they are read from: inside the wheel, or at the top of the repository in an editable installation.
Refuses: a company's own templates (the caller reads those from its repository).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from generator.errors import InternalError


@cache
def shipped_templates() -> dict[str, str]:
    """Name → text of the shipped templates."""
    root = _shipped_folder("templates")
    return {name: text for name, text in _read(root, "").items() if name.endswith(".j2")}


@cache
def shipped_environments() -> dict[str, str]:
    """Path under `environments/` → text of the shipped example."""
    return _read(_shipped_folder("environments"), "")


def _shipped_folder(name: str) -> Traversable:
    """The folder in the installed package, else the one beside the package in a checkout."""
    package = files("generator")
    installed = package.joinpath("_shipped", name)
    if installed.is_dir():
        return installed
    beside = Path(str(package)).parent / name
    if beside.is_dir():
        return beside
    raise InternalError(f"the folder {name!r} that revstamp ships is missing", hint="install revstamp again")


def _read(folder: Traversable, prefix: str) -> dict[str, str]:
    """Path → text of every text file below the folder, in order of their names."""
    found: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            found.update(_read(entry, f"{prefix}{entry.name}/"))
        elif not entry.name.startswith("."):
            found[prefix + entry.name] = entry.read_text(encoding="utf-8")
    return found
