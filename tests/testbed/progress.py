"""What a build shows on stderr: which step of how many, and for how long it has been at it.

Owns: one line a step, rewritten every second on a terminal; elsewhere a line at the start, each minute and at the end.
Refuses: knowing what is built.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

_QUIET_SECONDS = 60.0


class Progress:
    """`start` a step, `tick` while it runs, `finish` it."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        # The real stderr: pytest replaces sys.stderr while a fixture runs.
        self._stream = stream or sys.__stderr__ or sys.stderr
        self._total = total
        self._step = 0
        self._what = ""
        self._began = self._told = 0.0

    def start(self, what: str) -> None:
        """The next step begins."""
        self._step += 1
        self._what = what
        self._began = self._told = time.monotonic()
        self._write(f"{self._line()} …", last=False)

    def tick(self, detail: str = "") -> None:
        """The step still runs; `detail` is what it is at."""
        now = time.monotonic()
        if self._stream.isatty() or now - self._told >= _QUIET_SECONDS:
            self._told = now
            self._write(f"{self._line()} … {now - self._began:.0f} s{f', {detail}' if detail else ''}", last=False)

    def finish(self, result: str = "done") -> None:
        """The step has ended."""
        self._write(f"{self._line()}: {result}, {time.monotonic() - self._began:.0f} s", last=True)

    def say(self, text: str) -> None:
        """A line of its own."""
        self._write(text, last=True)

    def _line(self) -> str:
        return f"[{self._step}/{self._total}] {self._what}"

    def _write(self, text: str, *, last: bool) -> None:
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()
