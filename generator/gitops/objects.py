"""Objects of one git directory, at no process per object.

Owns: GitPython's object databases, each for what it does well. Reading goes through its default one, a `git cat-file
--batch` that stays: git itself knows deltas, packs that came by fetch or went by repack, and partial clones.
Writing goes through the loose one, which makes the file itself; the default would start a process for each object,
some 50 ms for one commit. The pure-Python reader of packs (`GitDB`) is deprecated by GitPython and not used.
Refuses: refs, and the meaning of what it stores.
"""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from generator.errors import NotFound


class ObjectStore:
    """The objects of a git directory. Threads may share it; so may processes, since objects only ever appear."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._reader: Any = None
        self._end_reader: Any = None
        self._writer: Any = None
        self._lock = threading.Lock()  # one conversation with one process: question and answer must not mix
        self.written = 0
        """How many objects this instance has written: what decides when to look whether to repack."""

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Kind and content. Raises NotFound where the repository has no such object."""
        with self._lock:
            try:
                return self._read(object_id)
            except (ValueError, OSError):  # not there, or the process was ended by somebody: one fresh look
                self.close()
            try:
                return self._read(object_id)
            except (ValueError, OSError) as error:
                raise NotFound(
                    f"the repository has no object {object_id}",
                    hint="a shallow clone lacks history: git fetch --unshallow. Otherwise check it with git fsck",
                ) from error

    def close(self) -> None:
        """End the reading process; the next read starts another one."""
        if self._end_reader is not None:
            self._end_reader()
        self._reader = None

    def write(self, kind: str, data: bytes) -> str:
        """Store an object and return its id. What is there already is only marked as in use.

        The mark (a new modification time) is what keeps `git gc` from removing an old object that no ref reaches yet.
        """
        object_id = object_hash(kind, data)
        with suppress(OSError):
            os.utime(self._git_dir / "objects" / object_id[:2] / object_id[2:])
            return object_id
        from gitdb import IStream  # type: ignore[import-untyped]
        from gitdb.db import LooseObjectDB  # type: ignore[import-untyped]

        if self._writer is None:
            self._writer = LooseObjectDB(str(self._git_dir / "objects"))
        for is_last in (False, True):
            try:
                self._writer.store(IStream(kind.encode(), len(data), BytesIO(data)))
                break
            except FileNotFoundError:  # a repack cleared the folder under the new file; it does so only once
                if is_last:
                    raise
        self.written += 1
        return object_id

    def _read(self, object_id: str) -> tuple[str, bytes]:
        if self._reader is None:
            from git import Repo

            repo = Repo(str(self._git_dir))
            repo.git.update_environment(GIT_DIR=str(self._git_dir))  # named, so git need not look for it
            # the process ends with its owner; and the repo lives as long, for it ends the process when it is collected
            self._end_reader = weakref.finalize(self, repo.close)
            self._reader = repo.odb
        stream = self._reader.stream(bytes.fromhex(object_id))
        return stream.type.decode(), stream.read()


def object_hash(kind: str, data: bytes) -> str:
    """The id that git gives to this content."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()
