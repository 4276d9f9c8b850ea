"""Objects of one git directory, at no process per object.

Owns: reading through a `git cat-file --batch` that stays, and writing through GitPython's loose database, which makes
the file itself; its default one would start a process for each object, some 50 ms for one commit. Reading does not go
through GitPython: it takes four times as long for each object, and a tenth of a second to import.
Refuses: refs, and the meaning of what it stores.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from generator.errors import NotFound
from generator.gitops.object_reader import MOST, ObjectReader


class ObjectStore:
    """The objects of a git directory. Threads may share it; so may processes, since objects only ever appear."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._reader: ObjectReader | None = None
        self._writer: Any = None
        self._lock = threading.Lock()  # one conversation with one process: question and answer must not mix
        self.written = 0
        """How many objects this instance has written: what decides when to look whether to repack."""

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Kind and content. Raises NotFound where the repository has no such object."""
        with self._lock:
            try:
                return self._get_reader().read(object_id)
            except (ValueError, OSError):  # not there, or the process was ended by somebody: one fresh look
                self.close()
            except BaseException:  # an interrupt amid an answer, the rest of which answers nothing else
                self.close()
                raise
            try:
                return self._get_reader().read(object_id)
            except (ValueError, OSError) as error:
                raise NotFound(
                    f"the repository has no object {object_id}",
                    hint="a shallow clone lacks history: git fetch --unshallow. Otherwise check it with git fsck",
                ) from error

    def read_many(self, object_ids: Sequence[str]) -> Iterator[tuple[str, str, bytes]]:
        """Id, kind and content of each that is there, many in one exchange: each by itself costs a change of process.

        It only reads ahead: where git fails, nothing more comes, and reading one by one says why.
        """
        for start in range(0, len(object_ids), MOST):
            part = object_ids[start : start + MOST]
            with self._lock:
                try:
                    answers = self._get_reader().read_many(part)
                except BaseException as error:
                    self.close()
                    if isinstance(error, ValueError | OSError):
                        return
                    raise
            for object_id, found in zip(part, answers, strict=True):
                if found is not None:
                    yield object_id, *found

    def close(self) -> None:
        """End the reading process; the next read starts another one."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

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

    def _get_reader(self) -> ObjectReader:
        if self._reader is None:
            self._reader = ObjectReader(self._git_dir)
        return self._reader


def object_hash(kind: str, data: bytes) -> str:
    """The id that git gives to this content."""
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).hexdigest()
