"""Who a commit is by.

Owns: names and addresses as git takes them, and what git is configured with. Refuses: guessing from the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from generator.errors import InvalidInput
from generator.gitops.paths import has_control
from generator.gitops.process import run_git

_IDENT = re.compile(r"(?P<name>.*) <(?P<email>.*)> \d+ [-+]\d{4}")


@dataclass(frozen=True, slots=True)
class Actor:
    """A name and an address. Raises InvalidInput where they would break the header of a commit."""

    name: str
    email: str

    def __post_init__(self) -> None:
        for text in (self.name, self.email):
            if has_control(text) or set(text) & set("<>"):
                raise InvalidInput(f"{text!r} cannot stand in the author of a commit")
        if not self.name.strip():
            raise InvalidInput("the author of a commit needs a name")

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


NOBODY = Actor("revstamp", "revstamp@localhost")
"""Stands in where git has no user configured, as in a fresh container."""


def read_identity(git_dir: Path, role: str = "AUTHOR") -> Actor:
    """The AUTHOR or COMMITTER that git is configured with; never one guessed from the host's name."""
    arguments = ["-c", "user.useConfigOnly=true", "--git-dir", str(git_dir), "var", f"GIT_{role}_IDENT"]
    match = _IDENT.fullmatch(run_git(arguments).text)
    try:
        return Actor(match["name"], match["email"]) if match else NOBODY
    except InvalidInput:
        return NOBODY
