"""Places in a file, and paths to values.

Owns: `Place`, `Path` and how a path is written for people. Refuses: documents.
"""

from __future__ import annotations

from typing import NamedTuple

from generator.spec.text import MAX_SHOWN

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where a value stands; both count from 1. `raw` is a plain scalar's own text."""

    line: int
    column: int
    raw: str | None = None


def dotted(path: Path) -> str:
    """The path as people write it: `spec.pod.env[0].name`. Keys that do not print are escaped, long ones cut."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if part.isprintable() else repr(part)[1:-1]
        name = name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"
        text += f".{name}" if text else name
    return text
