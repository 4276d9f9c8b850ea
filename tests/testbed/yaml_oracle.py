"""Kubernetes' own YAML parser, asked document by document.

Owns: building the program in `modules/yaml-oracle` into the cache, and talking to it. Refuses: an opinion of its own
about YAML.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.machine import ENVIRONMENT, cache_folder

SOURCE = Path(__file__).resolve().parent / "modules/yaml-oracle"
MISSING = "Go is not installed and the YAML oracle is not in the cache; get Go 1.24 or newer, for example with: \
apt-get install golang"

_FLAGS = ("-trimpath", "-ldflags=-s -w")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the parser made of one document: `data`, and the same with the type of every scalar; or why not."""

    data: Any = None
    typed: Any = None
    error: str = ""


class YamlOracle:
    """The program, running. Not safe between threads."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, document: str) -> Reading:
        """What Kubernetes reads in the document. It may hold any text but lone surrogates."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(document).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the YAML oracle ended; it says why on standard error"
        answer = json.loads(line)
        return Reading(answer.get("json"), answer.get("typed"), answer.get("error", ""))

    def stop(self) -> None:
        """It ends with its input, so a test run that is killed leaves nothing behind either."""
        self._process.communicate()


def find_oracle() -> Path | None:
    """The program from the cache, built first where it is not there; None where there is no Go to do so.

    AssertionError with Go's words where it does not build.
    """
    go = shutil.which("go", path=ENVIRONMENT.get("PATH"))
    folder = cache_folder()
    if go is None:
        return next(folder.glob(f"yaml-oracle-{_digest_source()}-*[0-9a-f]"), None)
    version = subprocess.run([go, "env", "GOVERSION"], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    key = hashlib.sha256(version.stdout.encode()).hexdigest()[:12]
    program = folder / f"yaml-oracle-{_digest_source()}-{key}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".yaml-oracle.lock"):
            if not program.exists():  # another worker may have built it meanwhile
                _build(go, program)
    return program


def _build(go: str, program: Path) -> None:
    """Beside its place, then renamed into it: nobody ever starts a half-written program."""
    half = program.with_name(f".{program.name}.{os.getpid()}")
    environment = {**ENVIRONMENT, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    try:
        words = [go, "build", *_FLAGS, "-o", str(half), "."]
        done = subprocess.run(words, cwd=SOURCE, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"the YAML oracle does not build:\n{done.stderr}"
        half.rename(program)
    finally:
        half.unlink(missing_ok=True)


def _digest_source() -> str:
    digest = hashlib.sha256(" ".join(_FLAGS).encode())
    for path in sorted([*SOURCE.glob("*.go"), SOURCE / "go.mod", SOURCE / "go.sum"]):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:24]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
