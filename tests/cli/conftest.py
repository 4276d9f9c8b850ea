"""Clones for people to type in.

Owns: one committed repository for each worker, and copies of it with and without a remote. Refuses: assertions.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.driver import Person
from tests.fleet_repository import copy_repository, git, make_repository


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with every kind of endpoint, committed; copied, never changed."""
    return make_repository(tmp_path_factory.mktemp("template") / "gitops")


@pytest.fixture
def person(template: Path, tmp_path: Path) -> Person:
    """Somebody with a repository that has no remote."""
    return Person(copy_repository(template, tmp_path / "gitops"))


@pytest.fixture
def remote(template: Path, tmp_path: Path) -> Path:
    """A bare repository that clones push to."""
    bare = tmp_path / "remote.git"
    shutil.copytree(template / ".git", bare)
    for words in (("config", "core.bare", "true"), ("config", "receive.denyNonFastForwards", "true")):
        subprocess.run(["git", "--git-dir", str(bare), *words], check=True)
    (bare / "index").unlink()
    return bare


@pytest.fixture
def clone(remote: Path, tmp_path: Path) -> Callable[..., Person]:
    """Makes clones of the remote: `clone("ann")`, `clone("bob", "--depth=1")`."""

    def make(name: str, *options: str) -> Person:
        git(tmp_path, "clone", "--quiet", *options, f"file://{remote}", name)
        return Person(tmp_path / name)

    return make


def install_hook(bare: Path, name: str, script: str) -> None:
    """Give a bare repository a hook."""
    hook = bare / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    hook.chmod(0o755)


@pytest.fixture
def platform_rows() -> str:
    """The path of the platform's rows."""
    return str(Path(__file__).parents[1] / "cases" / "platform-rows.json")
