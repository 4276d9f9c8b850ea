"""Packing loose objects now and then.

Owns: when and how a git directory is repacked. Refuses: removing any object, and making a commit wait.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import suppress
from pathlib import Path

from generator.gitops.process import git_environment
from generator.gitops.repository import Repository

LOOSE_LIMIT = 2_000
"""Loose objects at which packing pays: some 180 commits, well below git's own 6,700."""


def repack_if_due(repository: Repository, limit: int = LOOSE_LIMIT) -> subprocess.Popen[bytes] | None:
    """Start packing in the background where it is due and nobody does it yet; the process, or None.

    The lock travels with the child, so there is never a second one, even when this process ends first. A geometric
    repack rolls up only packs that are small against what is new; nothing is pruned. In a person's clone git's own
    `gc --auto` decides, by that person's settings.
    """
    if not _has_many_loose(repository.git_dir, limit):
        return None
    if repository.is_bare:
        command = ["repack", "--geometric=2", "-d", "-q", "--no-write-bitmap-index"]
    else:
        command = ["gc", "--auto", "--quiet"]
    lock = repository.git_dir / "revstamp" / "repack.lock"
    lock.parent.mkdir(exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return subprocess.Popen(
            ["git", "--git-dir", str(repository.git_dir), *command],
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(handle,),
            start_new_session=True,
        )
    except OSError:
        return None
    finally:
        os.close(handle)


def _has_many_loose(git_dir: Path, limit: int) -> bool:
    """An estimate from four of the 256 folders, as git's own `gc --auto` makes it from one."""
    count = 0
    for folder in ("17", "5b", "a0", "e4"):
        with suppress(OSError):
            count += len(os.listdir(git_dir / "objects" / folder))  # noqa: PTH208 - names are enough
    return count * 64 >= limit
