"""What these tests share: a database of either kind, a simulated cluster, a repository with one environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.store.database import Database
from tests.cluster.gitops import GitOps, make_gitops
from tests.testbed.postgres import Database as PostgresDatabase
from tests.worker.stage import open_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.testbed)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with all tables."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/ledger.db"
    else:
        made: PostgresDatabase = request.getfixturevalue("postgres_database")
        url = made.url
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def ledger_file(tmp_path: Path) -> Iterator[Database]:
    """SQLite alone, for what does not depend on the kind."""
    opened = open_database(f"sqlite:///{tmp_path}/ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def simulated() -> Iterator[SimulatedCluster]:
    """A cluster in this process, with short times."""
    cluster = SimulatedCluster("testbed", strict_namespaces=False)
    yield cluster
    cluster.close()


@pytest.fixture
def gitops(tmp_path: Path) -> GitOps:
    """A repository whose only environment is `test`."""
    return make_gitops(tmp_path / "gitops", "serving")
