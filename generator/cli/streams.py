"""Standard output and error that cannot change what a command does, or how it ends.

Owns: streams that remember a failed write and go on. Refuses: hiding it; `failure` is told at the end. A commit that is
made is made, whether or not anybody reads about it: an exit code that says otherwise makes scripts do it twice.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


class Outlet(io.TextIOWrapper):
    """Text that goes out as long as somebody takes it. What a terminal cannot show is a question mark."""

    failure: OSError | None = None

    def write(self, text: str) -> int:
        """As ever, but for errors of the system."""
        if self.failure is None:
            try:
                return super().write(text)
            except OSError as error:
                self.failure = error
        return len(text)

    def flush(self) -> None:
        """The same."""
        if self.failure is None:
            try:
                super().flush()
            except OSError as error:
                self.failure = error


def open_outlets() -> None:
    """Put them in place of the process's own streams. One that was closed (`>&-`) is opened on nothing first.

    Otherwise the next file that is opened would take its number and be printed into.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
    sys.stdout, sys.stderr = _outlet(sys.stdout), _outlet(sys.stderr)


def _outlet(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
    return Outlet(stream.detach(), encoding, "replace", line_buffering=lines, write_through=through)


def close_outlets(code: int) -> int:
    """Send what is left, and the exit code: 6 where a command that went well could not print what came of it.

    That nobody reads on, as behind `head`, is no failure.
    """
    sys.stdout.flush()
    failure = getattr(sys.stdout, "failure", None)
    if failure is not None and not isinstance(failure, BrokenPipeError):
        sys.stderr.write(
            f"error: the result could not be printed: {failure.strerror}\n"
            "hint: the command itself was carried out; look before you run it again\n"
        )
        code = code or 6
    sys.stderr.flush()
    return code
