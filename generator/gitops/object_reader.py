"""A conversation with one `git cat-file --batch`: an id is asked for, kind and content are answered.

Owns: the process, which ends with its owner. Refuses: threads; whoever shares it takes turns.
"""

from __future__ import annotations

import subprocess
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from generator.gitops.process import start_git

MOST = 60
"""Questions of one exchange: they fit into a pipe of one page, which is what a user with many pipes gets: nobody waits
for an answer that nobody reads."""


class ObjectReader:
    """git itself knows deltas, packs that came by fetch or went by repack, and partial clones."""

    def __init__(self, git_dir: Path) -> None:
        # The folder is named, so that git need not look for it.
        process = start_git(["cat-file", "--batch"], env={"GIT_DIR": str(git_dir)})
        self._asking, self._answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        self._end = weakref.finalize(self, _end_process, process)

    def read(self, object_id: str) -> tuple[str, bytes]:
        """Kind and content. ValueError where there is no such object, OSError where the process has ended."""
        (found,) = self.read_many([object_id])
        if found is None:
            raise ValueError(f"{object_id} is missing")
        return found

    def read_many(self, object_ids: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """The same of up to `MOST` objects in one exchange; None for each that there is not."""
        asked = [bytes.fromhex(object_id).hex().encode() for object_id in object_ids]
        self._asking.write(b"".join(each + b"\n" for each in asked))
        self._asking.flush()
        return [self._take_answer(each) for each in asked]

    def _take_answer(self, asked: bytes) -> tuple[str, bytes] | None:
        head = self._answers.readline()
        if not head:
            raise OSError("git cat-file has ended")
        found, *rest = head.split()
        if found != asked:
            raise OSError(f"git cat-file answers something else: {head.decode('utf-8', 'replace').strip()}")
        if len(rest) != 2:
            return None
        size = int(rest[1])
        data = self._answers.read(size + 1)
        if len(data) != size + 1:
            raise OSError("git cat-file has ended in the middle of an object")
        return rest[0].decode(), data[:-1]

    def close(self) -> None:
        """End the process."""
        self._end()


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """At the end of its input it ends by itself; what it still had to say is of no use."""
    for stream in (process.stdout, process.stderr, process.stdin):
        if stream is not None:
            with suppress(OSError):  # a question that was never read
                stream.close()
    process.wait()
