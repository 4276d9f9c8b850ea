"""Everything that a redeploy passes through, in one process: repository, database, worker, reader, reconciler, cluster.

Owns: making and ending it, rows of the platform, waiting. Refuses: asserting.
"""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from generator.cluster.port import Cluster as Port
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.log import make_log
from generator.reconciler.source import BranchSource
from generator.service.redeployments import Accepted, Asker, Redeployments
from generator.service.trunk import ClonedTrunk, MirroredTrunk
from generator.service.workspace import Workspace
from generator.settings import Settings
from generator.store.database import Database
from generator.store.leases import Leases
from generator.store.ledger import Ledger
from generator.store.platform import PlatformRows
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment
from generator.store.schema import upgrade_schema
from generator.store.states import State
from generator.worker.elected import Elected
from generator.worker.reader import ReaderOptions, StatusReader
from generator.worker.worker import Worker
from tests.cluster.gitops import GitOps, Running, reconciling

PATIENCE = 60.0
ROWS = Path(__file__).parents[1] / "cases" / "platform-rows.json"


def add_rows(platform: PlatformRows, rows: Mapping[str, Any] | None = None) -> None:
    """The platform's rows as a user brings them."""
    rows = rows or json.loads(ROWS.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    for model in rows["models"]:
        platform.add("model_catalog_entries", {**model, "created_at": now, "updated_at": now})
    for endpoint in rows["endpoints"]:
        created = datetime.fromisoformat(endpoint["created_at"]) if endpoint.get("created_at") else now
        platform.add("serving_endpoints", {**endpoint, "created_at": created})
    for deployment in rows["deployments"]:
        platform.add(
            "serving_deployments", {"id": str(uuid.uuid4()), **deployment, "created_at": now, "updated_at": now}
        )


@dataclass
class Stage:
    """One service over one repository."""

    root: Path
    database: Database
    service: Redeployments
    source: BranchSource
    worker: Worker
    reader: StatusReader
    lines: io.StringIO
    elected: list[Elected] = field(default_factory=list)

    @property
    def platform(self) -> PlatformRows:
        """The platform's rows."""
        assert self.service.platform is not None
        return self.service.platform

    def redeploy(self, name: str, body: Mapping[str, Any] | None = None, **asker: Any) -> Accepted:
        """A redeploy by Ann."""
        return self.service.redeploy(name, Asker(**{"actor": "Ann <ann@example.com>", **asker}), body)

    def row(self, row: Redeployment) -> Redeployment:
        """The row as it is now."""
        return self.service.queries.get(row.id)

    def wait(self, row: Redeployment, *states: State, seconds: float = PATIENCE) -> Redeployment:
        """Until the redeployment is in one of these states; in a final one where none is given."""

        def is_there() -> bool:
            found = self.row(row)
            return found.state in states if states else found.state.is_final

        self.until(is_there, f"{row.name} {[state.value for state in states]}", seconds)
        return self.row(row)

    def until(self, condition: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
        """Wait for something; rows and log are shown where it does not come."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what or 'it'} did not happen\n{self._describe()}"
            time.sleep(0.02)

    def status_of(self, identity: str) -> str:
        """The word in the platform's row."""
        found = self.platform.find_endpoint(identity)
        assert found is not None
        return str(found.endpoint["status"])

    def _describe(self) -> str:
        rows = [
            f"{row.id} {row.name} {row.kind} {row.state} r{row.revision} {row.phase} {row.message}"
            for row in self.service.queries.page(Filter())
        ]
        return "\n".join([*rows, self.lines.getvalue()[-6000:]])


def open_database(url: str) -> Database:
    """With all tables."""
    database = Database(url)
    upgrade_schema(database)
    return database


@contextmanager
def staged(
    root: Path,
    database: Database,
    open_cluster: Callable[[str], Port],
    *,
    holder: str = "one",
    run: bool = True,
    options: ReaderOptions | None = None,
) -> Iterator[Stage]:
    """The service, and (with `run`) its worker and reader."""
    lines = io.StringIO()
    log = make_log("json", lines)
    workspace = Workspace.open(root, Settings())
    remote = workspace.clone.remote()
    trunk = ClonedTrunk(workspace) if remote is None else MirroredTrunk(workspace.repository, "main", remote)
    ledger = Ledger(database)
    platform = PlatformRows(database)
    service = Redeployments(trunk, ledger, platform)
    source = BranchSource(workspace.repository, "main", remote, 0.1)
    worker = Worker(service, source, holder, log)
    reader = StatusReader(source, ledger, platform, open_cluster, log, options)
    stage = Stage(root, database, service, source, worker, reader, lines)
    if run:
        leases = Leases(database, holder)
        stage.elected = [Elected("worker", leases, worker.run, log), Elected("reader", leases, reader.run, log)]
        source.start()
        for one in stage.elected:
            one.start()
    try:
        yield stage
    finally:
        for one in stage.elected:
            one.close()
        with suppress(AttributeError):
            source.close()


def place_environments(root: Path, names: tuple[str, ...] = ("dev", "stg", "prod")) -> None:
    """Small budgets everywhere, so that failures come soon."""
    for name in names:
        path = root / "environments" / name / "environment.yaml"
        body = yaml.safe_load(path.read_text())
        body["spec"]["cluster"] = "simulated"
        path.write_text(yaml.safe_dump(body))


__all__ = ["GitOps", "Running", "SimulatedCluster", "Stage", "add_rows", "open_database", "reconciling", "staged"]
