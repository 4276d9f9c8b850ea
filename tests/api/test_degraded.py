"""The API while something behind it is away: what is known is told, what is asked for is kept, all goes on after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.errors import ClusterUnreachable, StoreUnavailable
from generator.service.recording import Asker
from generator.spec.names import endpoint_name
from generator.store.states import State
from generator.worker.reader import ReaderOptions
from tests.api.conftest import OWN, SERVING, Served, make_context
from tests.api.test_platform_routes import SUPPORT, data_of, refusal_of
from tests.cluster.gitops import GitOps, reconciling
from tests.testbed.postgres_crash import CrashingPostgres
from tests.worker.stage import add_rows, make_platform_repository, open_database, staged

ENDPOINT = f"{SERVING}/endpoints/{SUPPORT}"
OWN_ENDPOINT = f"{OWN}/endpoints/prod/{endpoint_name(SUPPORT)}"
READS = (
    f"{SERVING}/endpoints", ENDPOINT, f"{ENDPOINT}/deployment", f"{OWN}/endpoints", OWN_ENDPOINT, f"{OWN}/environments",
    f"{OWN}/redeployments", f"{OWN}/redeployments/1", f"{OWN}/redeployments/1/explain",
)  # fmt: skip


class Unsteady:
    """A cluster that can be away."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster, self.is_away = cluster, False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cluster, name)
        if not callable(found) or name == "close":
            return found

        def call(*words: Any, **options: Any) -> Any:
            self._check()
            result = found(*words, **options)
            return self._checked(result) if isinstance(result, Iterator) else result

        return call

    def _checked(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self._check()
            yield item

    def _check(self) -> None:
        if self.is_away:
            raise ClusterUnreachable("the cluster is away")


@contextmanager
def at_work(tmp_path: Path, cluster: Any) -> Iterator[Served]:
    """Reconciler, worker and reader at work."""
    root = make_platform_repository(tmp_path / "gitops")
    database = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with (
        reconciling(GitOps(root, ""), lambda _: cluster, poll=0.1),
        staged(root, database, lambda _: cluster, options=ReaderOptions(health_seconds=0.2)) as stage,
    ):
        add_rows(stage.platform)
        yield Served(stage, make_context(stage))
    database.close()


@pytest.mark.sweep
def test_reads_and_writes_go_on_while_the_cluster_is_away(tmp_path: Path) -> None:
    """Rows say what was last known and when; a redeploy is committed, and settles when the cluster is back."""
    cluster = Unsteady(SimulatedCluster("testbed", strict_namespaces=False))
    with at_work(tmp_path, cluster) as served, served.client() as client:
        stage = served.stage
        first = stage.wait(stage.service.redeploy(SUPPORT, Asker("ann")).row)
        assert first.state is State.HEALTHY
        stage.until(lambda: client.get(OWN_ENDPOINT).json()["endpoint"]["checkedAt"], "it is looked at")
        cluster.is_away = True
        for path in READS:
            assert client.get(path).status_code == 200, path
        assert data_of(client.get(ENDPOINT))["status"] == "healthy"
        assert data_of(client.get(ENDPOINT))["lastHealthCheck"]
        assert client.get(OWN_ENDPOINT).json()["endpoint"]["checkedAt"]
        made = data_of(client.post(f"{ENDPOINT}/redeploy", json={}))["redeployment"]
        row = stage.wait(stage.service.queries.get(int(made["id"])), State.COMMITTED)
        assert row.commit_id
        assert all(client.get(path).status_code == 200 for path in READS)
        cluster.is_away = False
        assert stage.wait(row).state is State.HEALTHY


@pytest.mark.testbed
def test_every_route_says_so_while_the_database_is_away_and_answers_once_it_is_back(
    tmp_path: Path, crashing_postgres: CrashingPostgres
) -> None:
    """A problem with 503 and Retry-After, or a refusal that stands alone; never a 500; no connection stays broken."""
    root = make_platform_repository(tmp_path / "gitops")
    database = open_database(crashing_postgres.create_database().url)
    database._retry_seconds = 0.2
    with staged(root, database, lambda _: SimulatedCluster("unused"), work=False) as stage:
        add_rows(stage.platform)
        stage.service.redeploy(SUPPORT, Asker("ann"))
        served = Served(stage, make_context(stage, readiness=lambda: find_missing(stage)))
        with served.client() as client:
            assert all(client.get(path).status_code == 200 for path in READS)
            with crashing_postgres.away():
                for path in READS:
                    check_unavailable(client.get(path), path)
                check_unavailable(client.post(f"{ENDPOINT}/redeploy", json={}), ENDPOINT)
                check_unavailable(client.post(f"{OWN_ENDPOINT}/redeploy", json={}), OWN_ENDPOINT)
                ready = client.get("/readyz")
                assert (ready.status_code, list(ready.json()["missing"])) == (503, ["database"])
                assert client.get("/healthz").status_code == 200
            assert all(client.get(path).status_code == 200 for path in READS)
            assert client.get("/readyz").status_code == 200
    database.close()


def check_unavailable(answer: Any, path: str) -> None:
    """In the shape of the route; what git alone knows needs no database."""
    if path.endswith("/environments"):
        assert answer.status_code == 200
    elif path.startswith("/llm-ops/"):
        assert "cannot be reached" in refusal_of(answer) or "shutting down" in refusal_of(answer)
        assert answer.headers["retry-after"] == "5"
    else:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["retryable"] is True


def find_missing(stage: Any) -> dict[str, str]:
    """As `serve` finds it."""
    try:
        stage.service.queries.last_event_id()
    except StoreUnavailable as error:
        return {"database": error.message}
    return {}
