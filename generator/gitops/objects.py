"""Objects of one git directory, read and written without a process.

Owns: GitPython's own object database and its weak spots: packs that came or went behind its back, and threads.
Refuses: refs, and the meaning of what it stores.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from generator.errors import NotFound
from generator.gitops.process import run_git

_GITDB_LOCK = threading.Lock()
"""One lock for the process: gitdb maps packs through one window manager, a global without locks of its own. Reading
an object is a fraction of a millisecond under the interpreter's lock anyway, so threads lose nothing by it."""

_READS_PER_DATABASE = 50_000
"""gitdb remembers every name it was ever asked for; a fresh instance now and then keeps a long run small."""


class ObjectStore:
    """The objects of a git directory. Threads may share it; so may processes, since objects only ever appear."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._database: Any = None
        self._reads = 0
        self.written = 0
        """How many objects this instance has written: what decides when to look whether to repack."""

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Kind and content. Raises NotFound where the repository has no such object."""
        with _GITDB_LOCK:
            found = self._read(object_id)
            if found is None:  # packed by somebody, or come by fetch, since the database looked
                self._database = None
                found = self._read(object_id)
        return found or self._ask_git(object_id)

    def write(self, kind: str, data: bytes) -> str:
        """Store an object and return its id. What is there already is only marked as in use.

        The mark (a new modification time) is what keeps `git gc` from removing an old object that no ref reaches yet.
        """
        object_id = object_hash(kind, data)
        with suppress(OSError):
            os.utime(self._git_dir / "objects" / object_id[:2] / object_id[2:])
            return object_id
        from gitdb import IStream  # type: ignore[import-untyped]

        with _GITDB_LOCK:
            self._open().store(IStream(kind.encode(), len(data), BytesIO(data)))
        self.written += 1
        return object_id

    def _open(self) -> Any:
        if self._database is None or self._reads >= _READS_PER_DATABASE:
            from git import GitDB, Repo

            self._database = Repo(str(self._git_dir), odbt=GitDB).odb
            self._reads = 0
        return self._database

    def _read(self, object_id: str) -> tuple[str, bytes] | None:
        from gitdb.exc import ODBError  # type: ignore[import-untyped]

        self._reads += 1
        try:
            stream = self._open().stream(bytes.fromhex(object_id))
            return stream.type.decode(), stream.read()
        except (ODBError, OSError, ValueError, AssertionError, IndexError):
            return None

    def _ask_git(self, object_id: str) -> tuple[str, bytes]:
        """Git itself: it knows multi-pack indexes, new pack names, and fetches what a partial clone left out."""
        arguments = ["--git-dir", str(self._git_dir), "cat-file", "--batch"]
        header, _, rest = run_git(arguments, stdin=object_id.encode() + b"\n").stdout.partition(b"\n")
        fields = header.decode("utf-8", "replace").split()
        if len(fields) != 3:
            raise NotFound(f"the repository has no object {object_id}", hint="Check it with git fsck.")
        return fields[1], rest[: int(fields[2])]


def object_hash(kind: str, data: bytes) -> str:
    """The id that git gives to this content."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()
