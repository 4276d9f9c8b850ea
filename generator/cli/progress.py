"""How far long work is, on standard error.

Owns: when to say so, and how. Refuses: saying anything where it might stand in a script's way: quick work, and JSON.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import TypeVar

import click

_PATIENCE = 1.0
"""Seconds before a person at a terminal is told; then the line is written anew ten times a second at most."""

_LOG_PATIENCE = 5.0
"""Seconds before, and between, the lines that go into a log."""

T = TypeVar("T")


class Progress:
    """Called with how many are done and how many there are. As a block, it takes its line away at the end."""

    def __init__(self, what: str, *, hidden: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._hidden = hidden
        self._clock = clock
        self._is_terminal = sys.stderr.isatty()
        self._due = clock() + (_PATIENCE if self._is_terminal else _LOG_PATIENCE)
        self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._is_terminal:
            click.echo("\r\x1b[K", nl=False, err=True, color=True)

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` are done."""
        if self._hidden or self._clock() < self._due:
            return
        text = f"{self._what}: {done:,} of {total:,}"
        if self._is_terminal:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True, color=True)
        else:
            click.echo(f"{datetime.now():%H:%M:%S} {text}", err=True)
        self._shown = True
        self._due = self._clock() + (0.1 if self._is_terminal else _LOG_PATIENCE)

    def follow(self, items: Iterable[T], total: int) -> Iterator[T]:
        """The items, each counted when the next one is asked for."""
        for done, item in enumerate(items):
            self(done, total)
            yield item
