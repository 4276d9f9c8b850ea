"""A tree of files, wherever it is: in a commit, on disk, or a commit with changes on top.

Owns: the port that the use cases read through, and the trees that need no git. Refuses: git.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from generator.errors import InvalidInput, NotARepository, StorageFailed
from generator.gitops.cache import BoundedCache

MAX_FILE_BYTES = 5 * 1024 * 1024


class FileTree(Protocol):
    """Files by relative path. `read` gives None for what is not there; `names` lists a folder, sorted."""

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None."""
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder (files and folders), sorted; empty where there is no such folder."""
        ...


@dataclass(frozen=True, slots=True)
class FolderTree:
    """Files below a folder on disk. Links are refused: they may lead out of the repository."""

    root: Path
    _folders: set[str] = field(default_factory=set, repr=False, compare=False)
    """Folders that were looked at: real ones, not links. Each is looked at once, not once for each file in it."""

    def read(self, path: str) -> bytes | None:
        """The file's bytes. InvalidInput for a link, something that is no file, or more than 5 MiB."""
        try:
            if not self._is_below_folders(path):
                return None
            target = f"{self.root}/{path}"
            status = os.lstat(target)
            if stat.S_ISDIR(status.st_mode):
                return None
            _refuse_link(path, status.st_mode)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInput(f"{path} is not a regular file", hint="put a real file there")
            if status.st_size > MAX_FILE_BYTES:
                raise InvalidInput(f"{path} is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
            with open(target, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error

    def _is_below_folders(self, path: str) -> bool:
        """Whether every folder above the path is a real one. InvalidInput where one is a link."""
        above = path.rpartition("/")[0]
        if not above or above in self._folders:
            return True
        if not self._is_below_folders(above):
            return False
        mode = os.lstat(f"{self.root}/{above}").st_mode
        _refuse_link(path, mode)
        if stat.S_ISDIR(mode):
            self._folders.add(above)
        return stat.S_ISDIR(mode)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        try:
            return tuple(sorted(os.listdir(self.root / folder)))
        except (FileNotFoundError, NotADirectoryError):
            return ()


def _refuse_link(path: str, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise InvalidInput(f"{path} is, or lies below, a symbolic link", hint="put a real file there")


RECENT = 64
"""Answers that are kept: those about the one endpoint that is being planned, and what it shares with the next."""


class RecentTree:
    """A tree that does not change while it is looked at, and is asked the same few questions several times."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._read: BoundedCache[tuple[bytes | None]] = BoundedCache(RECENT)
        self._names: BoundedCache[tuple[str, ...]] = BoundedCache(RECENT)

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None."""
        known = self._read.get(path)
        if known is None:
            known = (self._tree.read(path),)
            self._read.put(path, known)
        return known[0]

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        known = self._names.get(folder)
        if known is None:
            known = self._tree.names(folder)
            self._names.put(folder, known)
        return known


@dataclass(frozen=True)
class OverlayTree:
    """A tree with some files written and some removed on top of it. What is written does not change any more."""

    base: FileTree
    writes: Mapping[str, bytes] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()

    def read(self, path: str) -> bytes | None:
        """The written file's bytes, else the base's."""
        if path in self.writes:
            return self.writes[path]
        return None if path in self.deletes else self.base.read(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        prefix = f"{folder}/" if folder else ""
        names = {name for name in self.base.names(folder) if f"{prefix}{name}" not in self.deletes}
        return tuple(sorted(names | self._written.get(folder, set())))

    @cached_property
    def _written(self) -> dict[str, set[str]]:
        """The names that the writes bring into each folder; folders are asked for as often as there are endpoints."""
        found: dict[str, set[str]] = {}
        for written in self.writes:
            path = written
            while path:
                path, _, name = path.rpartition("/")
                names = found.setdefault(path, set())
                if name in names:
                    break
                names.add(name)
        return found


def find_root(start: Path) -> Path:
    """The nearest folder, this one or one above, that holds a `revstamp.yaml`. NotARepository where none does."""
    if not start.is_dir():
        raise NotARepository(f"{start} is not a folder", hint="give the folder of a GitOps repository")
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "revstamp.yaml").is_file():
            return folder
    raise NotARepository(
        f"there is no revstamp.yaml in {start} or above",
        hint="run `revstamp init FOLDER`, or give the repository with -C FOLDER",
    )


def write_file(root: Path, path: str, content: bytes) -> None:
    """Write a file below a folder, whole or not at all. InvalidInput where a link stands in the way; StorageFailed."""
    target = f"{root}/{path}"
    _refuse_links(root, path)
    try:
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        number, name = tempfile.mkstemp(dir=folder, prefix=".revstamp-")
        try:
            with open(number, "wb") as file:
                file.write(content)
                os.fchmod(number, 0o644)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise StorageFailed.from_os(OSError(error.errno, error.strerror, path)) from error


def _refuse_links(root: Path, path: str) -> None:
    place = str(root)
    for part in path.split("/"):
        place = f"{place}/{part}"
        if os.path.islink(place):
            raise InvalidInput(f"{path} is, or lies below, a symbolic link", hint="put real folders there")
