"""An app over a stage; clients that come from loopback, from elsewhere, with and without identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from generator.api.app import create_app
from generator.api.context import Context
from generator.api.identity import Identifier
from generator.api.rate import RateLimit
from generator.api.roles import Roles
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.log import make_log
from tests.cluster.gitops import GitOps, reconciling
from tests.worker.conftest import simulated as simulated
from tests.worker.stage import Stage, add_rows, make_platform_repository, open_database, staged

WHO = {"X-User-Id": "test-user", "X-User-Roles": "llm-ops-user"}
SERVING = "/llm-ops/v1/serving"
OWN = "/revstamp/v1"


@dataclass
class Served:
    """A stage and its app."""

    stage: Stage
    context: Context
    install: Callable[[FastAPI], None] = lambda _: None

    @contextmanager
    def client(self, peer: str = "127.0.0.1", **headers: str) -> Iterator[TestClient]:
        """A client at an address; the page's identity unless other headers are given."""
        app = create_app(self.context, install=self.install)
        with TestClient(app, client=(peer, 50000), headers=headers or WHO, raise_server_exceptions=False) as client:
            yield client


def make_context(stage: Stage, **changes: Any) -> Context:
    """The parts of a server, as `serve` makes them with default settings."""
    parts: dict[str, Any] = {
        "service": stage.service,
        "platform": stage.platform,
        "identifier": Identifier(),
        "roles": Roles(),
        "rate": RateLimit(0),
        "log": make_log("json", stage.lines),
        "nudge": stage.background.nudge,
    }
    return Context(**{**parts, **changes})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Nothing works in the background: what is accepted stays pending."""
    root = make_platform_repository(tmp_path / "gitops")
    database = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with staged(root, database, lambda _: SimulatedCluster("unused"), work=False) as stage:
        add_rows(stage.platform)
        yield Served(stage, make_context(stage))
    database.close()


@pytest.fixture
def working(tmp_path: Path, simulated: SimulatedCluster) -> Iterator[Served]:
    """Reconciler, worker and reader at work on a simulated cluster."""
    root = make_platform_repository(tmp_path / "gitops")
    database = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with (
        reconciling(GitOps(root, ""), lambda _: simulated, poll=0.1),
        staged(root, database, lambda _: simulated) as stage,
    ):
        add_rows(stage.platform)
        yield Served(stage, make_context(stage))
    database.close()
