"""Making a bare mirror of a remote.

Owns: a mirror is either whole under its name or not there. Refuses: taking over a folder that is something else.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from generator.errors import AlreadyExists
from generator.gitops.lock import hold_lock
from generator.gitops.process import run_git
from generator.gitops.remote import check_url, remote_command
from generator.gitops.remote_words import explain_failure
from generator.gitops.repository import MIRROR_SETTING, Repository


def make_mirror(url: str, path: Path, time_limit: float) -> Repository:
    """The mirror at `path`, made anew where there is none or where a crash left half of one.

    It grows beside its place and is renamed into it, so whoever opens `path` never sees a half. Raises
    AlreadyExists where something else is there, and what fetching raises.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.half")
    with hold_lock(path.with_name(f"{path.name}.lock"), time_limit, f"a mirror at {path} is being made"):
        url = str(Path(check_url(url)).absolute()) if Path(url).exists() else url
        known = _open_whole(path, url)
        if known is not None:
            return known
        shutil.rmtree(half, ignore_errors=True)
        mirror = Repository.init_bare(half)
        _fetch_all(mirror, url, time_limit)
        mirror.git("config", MIRROR_SETTING, "true")
        if path.exists():
            path.rmdir()
        half.rename(path)
    return Repository.open(path)


def _open_whole(path: Path, url: str) -> Repository | None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    if path.is_dir() and (path / "HEAD").is_file():
        mirror = Repository.open(path)
        if mirror.read_setting(MIRROR_SETTING) == "true" and mirror.read_setting("remote.origin.url") == url:
            return mirror
    raise AlreadyExists(f"{path} is there already and is not a mirror of this remote", hint="choose another folder")


def _fetch_all(mirror: Repository, url: str, time_limit: float) -> None:
    mirror.git("config", "remote.origin.url", url)
    refspecs = ("+refs/heads/*:refs/heads/*", "+refs/heads/*:refs/revstamp/remote/*")
    command, environment = remote_command(mirror, "fetch", "--quiet", "--no-tags", "--no-auto-maintenance")
    answer = run_git([*command, "--", "origin", *refspecs], env=environment, timeout=time_limit)
    if answer.code != 0:
        raise explain_failure(answer, time_limit)
