"""Repositories in a real forge, and people with clones of them.

Owns: one committed repository for each worker, pushed into a repository of the forge's for each test. Refuses:
assertions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.driver import Person
from tests.fleet_repository import git, make_repository
from tests.testbed.forge import Forge, ForgeRepository


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with every kind of endpoint, committed; pushed, never changed."""
    return make_repository(tmp_path_factory.mktemp("template") / "gitops")


@pytest.fixture
def repository(forge: Forge, template: Path) -> ForgeRepository:
    """A repository of the forge whose branch main holds the endpoints."""
    made = forge.new_repository()
    git(template, "push", "--quiet", made.authorized_url, "main")
    forge.settle()
    return made


@pytest.fixture
def clone(repository: ForgeRepository, tmp_path: Path) -> Callable[[str], Person]:
    """Makes clones that may push: `clone("ann")`."""

    def make(name: str) -> Person:
        git(tmp_path, "clone", "--quiet", repository.authorized_url, name)
        return Person(tmp_path / name)

    return make


@pytest.fixture
def ann(clone: Callable[[str], Person]) -> Person:
    """Somebody with a clone that may push."""
    return clone("ann")
