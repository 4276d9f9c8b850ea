"""Processes of their own that need not import everything again: forked from a server that has done so.

Owns: starting commands that way. Refuses: judging how they end.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from generator.cli.main import run

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])
for _name in ("cli.redeploy_command", "cli.commit_command", "cli.scale_command", "service.workspace", "render.report"):
    importlib.import_module(f"generator.{_name}")


@dataclass(frozen=True)
class Forked:
    """One command under way; `said` is the file that its standard error goes to."""

    process: BaseProcess
    said: Path

    def end(self) -> tuple[int | None, str]:
        """Wait for it: its exit code (negative: a signal), and its standard error."""
        self.process.join()
        return self.process.exitcode, self.said.read_text(encoding="utf-8")


def fork(folder: Path, said: Path, *words: str) -> Forked:
    """Start a command in a folder."""
    said.touch()
    process = _CONTEXT.Process(target=_type, args=(str(folder), str(said), words))
    process.start()
    return Forked(process, said)


def _type(folder: str, said: str, words: tuple[str, ...]) -> None:
    os.chdir(folder)
    file = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(file, 2)
    code = run(list(words))
    sys.stderr.flush()
    os._exit(code)
