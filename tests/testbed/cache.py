"""Where built modules are kept: one folder each, outside the repository, named by all that decides its content.

Owns: the names of the folders, finding them, and the lock that lets one builder in at a time. Refuses: building.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.testbed.catalogue import ALL, Module

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def platform_name() -> str:
    """The machine as Go names it, such as linux-amd64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"


def content_key(module: Module) -> str:
    """12 hex digits over go.mod, go.sum, our own Go files, flags and the list of files."""
    digest = hashlib.sha256()
    programs = sorted(path.name for path in module.folder.glob("*.go")) or ["tools.go"]
    for name in ("go.mod", "go.sum", *programs):
        path = module.folder / name
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(b"\0")
    digest.update(repr((module.flags(), module.commands, module.files, module.cgo)).encode())
    return digest.hexdigest()[:12]


def folder_name(module: Module, go: str) -> str:
    """`go` is a version such as 1.26: a build of another Go has a folder of its own."""
    return f"{module.name}-{content_key(module)}-{platform_name()}-go{go}"


def find_built(cache: Path, module: Module, go: str | None) -> Path | None:
    """The folder of a module that is built, or None. Without Go on the machine, any Go's build will do."""
    if go is not None:
        folder = cache / folder_name(module, go)
        return folder if folder.is_dir() else None
    found = [path for path in cache.glob(folder_name(module, "*")) if path.is_dir()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


@contextmanager
def lock_folder(cache: Path, name: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Lets one builder in. Whoever waits is told so; a builder that dies releases the lock with its last file."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_stale(cache: Path) -> list[str]:
    """Removes modules that no module of this checkout would look for, half-built ones too. Returns the names."""
    ours = tuple(f"{dot}{module.name}-" for module in ALL.values() for dot in ("", "."))
    wanted = tuple(folder_name(module, "") for module in ALL.values())
    folders = [path for path in cache.glob("*") if path.is_dir() and path.name.startswith(ours)]
    stale = [path for path in folders if not path.name.startswith(wanted)]
    for path in stale:
        shutil.rmtree(path)
    return [path.name for path in stale]
