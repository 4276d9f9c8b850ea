"""What a clone was in the middle of.

Owns: one file that says which commit was being brought into the work tree, written before anything moves.
Refuses: deciding what to do about it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Journal:
    """The branch goes from `old` to `new`, and `taken` (path to blob, None for deleted) came from the work tree.

    With `awaits_remote` the commit counts only if the remote has it; without, if the local branch has moved.
    """

    branch: str
    old: str | None
    new: str
    taken: Mapping[str, str | None]
    awaits_remote: bool


class JournalFile:
    """The journal of one work tree."""

    def __init__(self, git_dir: Path) -> None:
        self._path = git_dir / "revstamp" / "sync.json"

    def read(self) -> Journal | None:
        """What was left unfinished, or None. A torn file cannot be: it is renamed into place."""
        try:
            return Journal(**json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return None

    def write(self, journal: Journal) -> None:
        """Put the journal on disk before the ref moves."""
        self._path.parent.mkdir(exist_ok=True)
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as stream:
            json.dump(asdict(journal), stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._path)

    def clear(self) -> None:
        """The work is finished, or was never to be."""
        with suppress(FileNotFoundError):
            self._path.unlink()
