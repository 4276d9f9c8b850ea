"""One person with one clone, who types commands.

Owns: running the command line in this process with streams and a folder of its own, and asking git what came of it.
Refuses: asserting anything but what a person takes for granted.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generator.cli.main import run
from tests.fleet_repository import git

REVSTAMP = (sys.executable, "-m", "generator.cli.main")
SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """Standard error as the one JSON document of an error."""
        return json.loads(self.err)


@dataclass(frozen=True)
class Person:
    """Types `revstamp …` in the folder `root`, and looks at the clone that it is."""

    root: Path

    def type(self, *words: str, stdin: str | bytes = b"", cwd: str = ".") -> Answer:
        """Run the command; whatever code it ends with."""
        return answer_of(words, self.root / cwd, stdin)

    def do(self, *words: str, stdin: str | bytes = b"", cwd: str = ".") -> Answer:
        """Run a command that must succeed."""
        answer = self.type(*words, stdin=stdin, cwd=cwd)
        assert answer.code == 0, f"{words}: {answer.code}\n{answer.out}\n{answer.err}"
        return answer

    def ask(self, *words: str, stdin: str | bytes = b"") -> Any:
        """The JSON answer of a command that must succeed."""
        return self.do(*words, "--output", "json", stdin=stdin).json

    def fail(self, *words: str, stdin: str | bytes = b"") -> Any:
        """The JSON error of a command that must fail as documented: an exit code of the table, a hint, no bug."""
        answer = self.type(*words, "--output", "json", stdin=stdin)
        assert answer.code in (1, 2, 3, 4, 5, 6, 7), f"{words}: {answer.code}\n{answer.out}\n{answer.err}"
        assert answer.out == ""
        error = answer.error
        assert error["message"]
        assert error["hint"] or all(violation["fix"] for violation in error["violations"] or [{"fix": ""}]), error
        return {**error, "exit": answer.code}

    def git(self, *arguments: str) -> str:
        """Run git, as a person would."""
        return git(self.root, *arguments)

    def read(self, path: str) -> str:
        """A file of the work tree."""
        return (self.root / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str | bytes) -> None:
        """Put a file into the work tree."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file, which must be there."""
        text = self.read(path)
        assert old in text
        self.write(path, text.replace(old, new))

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    @property
    def status(self) -> str:
        """What git sees as changed; empty for a clean clone."""
        return self.git("status", "--porcelain")

    @property
    def state(self) -> tuple[str, str, str]:
        """Everything that a refused command must leave as it is: refs, status and the index."""
        refs = self.git("for-each-ref", "refs/heads", "refs/remotes", "refs/tags")
        return refs, self.status, self.git("ls-files", "--stage")

    def stamp(self, endpoint: str) -> dict[str, Any]:
        """The stamp of `environment/name` in the work tree."""
        environment, name = endpoint.split("/")
        path = next((self.root / "environments" / environment / "stamps").glob(f"*/{name}.yaml"))
        stamp: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return stamp

    def revision(self, endpoint: str) -> int:
        """The revision of `environment/name` in the work tree."""
        revision: int = self.stamp(endpoint)["revision"]
        return revision

    def manifests(self, endpoint: str) -> dict[str, Any]:
        """The objects of `environment/name` by kind."""
        environment, name = endpoint.split("/")
        folder = self.root / "environments" / environment / "manifests"
        bodies = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"*/{name}/*.yaml"))]
        return {body["kind"]: body for body in bodies}

    def generated(self, endpoint: str) -> dict[str, str]:
        """The text of the rendered files and the stamp of `environment/name`, by repository path."""
        environment, name = endpoint.split("/")
        top = self.root / "environments" / environment
        paths = [*top.glob(f"manifests/*/{name}/*.yaml"), *top.glob(f"stamps/*/{name}.yaml")]
        return {path.relative_to(self.root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}

    def check_sound(self) -> None:
        """The clone is clean and git finds no fault with its objects."""
        assert self.status == ""
        done = subprocess.run(["git", "fsck", "--strict"], cwd=self.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def answer_of(words: tuple[str, ...], folder: Path, stdin: str | bytes = b"") -> Answer:
    """Run a command in this process."""
    out, err = io.BytesIO(), io.BytesIO()
    data = stdin.encode() if isinstance(stdin, str) else stdin
    with _streams(_StandardInput(data), out, err), _working_in(folder):
        code = run(list(words))
    return Answer(code, out.getvalue().decode(), err.getvalue().decode())


class _StandardInput(io.BytesIO):
    name = "<stdin>"


@contextmanager
def _streams(stdin: io.BytesIO, out: io.BytesIO, err: io.BytesIO) -> Iterator[None]:
    kept = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(stdin, "utf-8")
    sys.stdout = io.TextIOWrapper(out, "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(err, "utf-8", write_through=True)
    try:
        yield
    finally:
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.detach()
        sys.stdin, sys.stdout, sys.stderr = kept


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def start(person: Person, *words: str) -> subprocess.Popen[str]:
    """Start the command as a process of its own."""
    return subprocess.Popen(
        [*REVSTAMP, *words],
        cwd=person.root,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
